import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { verify } from '../../src/ledger/invariants.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { type Options, openGate, shopKey, type TestGate } from './gate.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGate[] = [];
afterEach(async () => {
  for (const gate of opened.splice(0)) {
    const found = await verify(ledger.pool, { tenant: gate.tenant });
    expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    await gate.close();
  }
});

async function gateOf(
  triggered: Options['triggered'] = {},
  options: Options = {},
): Promise<TestGate> {
  const gate = await openGate(ledger, {
    ...options,
    triggered: { activation: 'claimed', ...triggered },
    tenant: { apiKeys: [shopKey] },
  });
  opened.push(gate);
  return gate;
}

test('a check is true after the screen, and its claim gives the reward with what the check said', async () => {
  const gate = await gateOf();
  expect((await gate.ask('ann')).allowed).toBe(true);
  expect(gate.held()).toEqual([]);
  expect(await gate.claim()).toMatchObject({ status: 'granted' });
  expect(gate.held()).toEqual([gate.key('ann')]);
  const [sent] = gate.far.of('allocate');
  expect(sent?.body).toMatchObject({
    campaign: { kind: 'triggered', seriesId: '4021', notes: 'vip only', brandId: 'b1' },
    allocations: [{ customerId: 'ann', actionId: '77', templateId: '14' }],
  });
  expect(await gate.claim()).toMatchObject({ status: 'already_granted' });
});

test('whom nobody asked about, or who was answered false, has nothing to claim', async () => {
  const gate = await gateOf();
  gate.far.rules.ineligible.add('ann');
  await gate.ask('bob');
  expect(await gate.claim()).toMatchObject({ reason: 'not_targeted' });
  await fenceCampaign(ledger.pool, { tenant: gate.tenant, campaignId: gate.campaignId }, 'deleted');
  expect(await gate.claim({ customerId: 'bob' })).toMatchObject({ reason: 'canceled' });
});

test('each trigger of its own is claimed once, and a double click claims no second one', async () => {
  const gate = await gateOf(
    { repeats: 'each', repeatWindowSeconds: 1 },
    { withoutPromotions: true },
  );
  await gate.ask('ann');
  await expect
    .poll(
      async () => {
        await gate.ask('ann');
        return (await gate.answers()).length;
      },
      { timeout: 5_000 },
    )
    .toBe(2);
  const second = await gate.open();
  const click = { claimId: 'one' };
  await Promise.all([gate.claim(click), gate.claim({ ...click, doors: second })]);
  await gate.claim(click);
  expect(gate.held().length).toBe(1);
  expect(await gate.claim()).toMatchObject({ status: 'granted' });
  expect(gate.held().length).toBe(2);
});
