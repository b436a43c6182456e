import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../src/domain/campaign.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import { openAlerts } from '../../src/ledger/alerts.ts';
import { record } from '../../src/ledger/batches.ts';
import { campaignOf } from '../../src/ledger/campaigns.ts';
import { appendChange } from '../../src/ledger/columns.ts';
import { begin, type Intent, settle } from '../../src/ledger/effects.ts';
import {
  exceededTotals,
  givenBefore,
  holdByGuard,
  type Released,
  releasedOf,
  rememberRewardSum,
} from '../../src/ledger/guards.ts';
import { lookForConcerns } from '../../src/ledger/lookout.ts';
import type { Happening } from '../../src/ledger/packing.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { holdCampaign } from '../../src/ledger/standing.ts';
import type { AudienceRow, Log } from '../../src/world.ts';
import { openLedger, plan, row, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const limited = (maxRewardTotal: Record<string, number>): { plan: Partial<Plan> } => ({
  plan: { limits: { ...plan.limits, maxRewardTotal } },
});

function intentOf(campaign: number, positions: number[]): Intent {
  return {
    ...{
      campaign,
      batch: 1,
      kind: 'allocate',
      epoch: 1,
      key: `allocate/${positions[0]}`,
      hash: 'h',
    },
    ...{ positions, kept: {}, token: 0, change: 0, aliveMs: 1_000 },
  };
}

const verdictOf = async (intent: Intent) => (await begin(ledger.pool, intent, undefined)).verdict;
const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };
async function holdFor(ref: number, heldFor: Released): Promise<void> {
  const campaign = await campaignOf(ledger.pool, ref);
  await holdByGuard({ pool: ledger.pool, log: silent }, campaign, 'much', heldFor);
}
const release = (ref: number) =>
  ledger.pool.query('update campaign set held = null where ref = $1', [ref]);

test('no allocation begins over the reward total, by the sum over all batches', async () => {
  const { ref } = await runningCampaign(ledger.pool, rowsOf(3), limited({ spins: 100, cash: 5 }));
  const sumOf = (number: number, spins: number) =>
    rememberRewardSum(ledger.pool, { campaign: ref, number }, new Map([['spins', spins]]));
  await sumOf(1, 60);
  expect(await verdictOf(intentOf(ref, [1]))).toBe('begun');
  await sumOf(2, 40);
  expect(await verdictOf(intentOf(ref, [2]))).toBe('begun');
  await sumOf(2, 40.5);
  expect(await verdictOf(intentOf(ref, [3]))).toBe('held');
  // The same batch again counts once.
  await sumOf(2, 40);
  expect(await verdictOf(intentOf(ref, [3]))).toBe('begun');
});

test('only giving is asked the reward total: what was given may be approved, and taken back', async () => {
  const { ref } = await runningCampaign(ledger.pool, rowsOf(1), limited({ spins: 1 }));
  await rememberRewardSum(ledger.pool, { campaign: ref, number: 1 }, new Map([['spins', 9]]));
  for (const kind of ['approve', 'revoke'] as const) {
    expect(await verdictOf({ ...intentOf(ref, [1]), kind, key: kind })).toBe('begun');
  }
});

test('what was released passes, and a limit more; then it holds again', async () => {
  const { ref } = await runningCampaign(ledger.pool, rowsOf(1), limited({ spins: 100 }));
  const total = async (spins: number) => {
    await rememberRewardSum(ledger.pool, { campaign: ref, number: 1 }, new Map([['spins', spins]]));
    return exceededTotals(ledger.pool, ref);
  };
  expect(await total(120)).toEqual([{ rewardTypeId: 'spins', total: 120, ceiling: 100 }]);
  const hold = (spins: number) => holdFor(ref, { rewards: { spins } });
  await hold(120);
  // Another batch of the same pass hears the same, and changes nothing.
  await hold(150);
  await release(ref);
  expect(await total(220)).toEqual([]);
  expect(await total(221)).toEqual([{ rewardTypeId: 'spins', total: 221, ceiling: 220 }]);
});

test('a guard notes only what it has held for itself', async () => {
  const { ref } = await runningCampaign(ledger.pool, rowsOf(1));
  await holdCampaign(ledger.pool, ref, 'another guard');
  await holdFor(ref, { audience: 9 });
  await release(ref);
  expect(await releasedOf(ledger.pool, ref)).toEqual({});
  await holdFor(ref, { audience: 9 });
  await release(ref);
  await holdFor(ref, { codes: ['X'] });
  expect(await releasedOf(ledger.pool, ref)).toEqual({});
  await release(ref);
  expect(await releasedOf(ledger.pool, ref)).toEqual({ audience: 9, rewards: {}, codes: ['X'] });
});

/** A campaign of which these positions were allocated. */
async function gave(id: CampaignId, rows: AudienceRow[], happenings: Happening[]): Promise<number> {
  const { ref } = await runningCampaign(ledger.pool, rows, { id });
  const positions = happenings.map(({ position }) => position);
  await record(
    ledger.pool,
    { campaign: ref, number: 1 },
    positions.map((position) => ({ position, state: 'passed' })),
  );
  const begun = await begin(ledger.pool, intentOf(ref, positions), undefined);
  if (begun.verdict !== 'begun') throw new Error(begun.verdict);
  const outcome = 'done';
  await settle(
    ledger.pool,
    { campaign: ref, number: 1 },
    { effect: begun.effect, slot: undefined, outcome, happenings },
  );
  return ref;
}

const allocated = (count: number): Happening[] =>
  Array.from({ length: count }, (_, index) => ({ position: index + 1, state: 'allocated' }));

test('who was given the same code by another campaign of the tenant within the days is found', async () => {
  const tenant = `t-${randomUUID()}`;
  const rows = [row('a', 'X', 'Y'), row('b', 'X'), row('c', 'X'), row('d', 'Z')];
  const before = await gave({ tenant, campaignId: '1' }, rows, [
    { position: 1, state: 'allocated' },
    { position: 3, state: 'allocated' },
    { position: 4, state: 'declined' },
    { position: 5, state: 'allocated' },
  ]);
  const other = { tenant: `t-${randomUUID()}`, campaignId: '1' };
  await gave(other, [row('e', 'X')], allocated(1));

  const now = await runningCampaign(ledger.pool, rowsOf(1), { id: { tenant, campaignId: '2' } });
  const asked = [
    ...['a', 'b', 'c', 'd', 'e'].map((customerId) => ({ customerId, promoCode: 'X' })),
    { customerId: 'a', promoCode: 'Y' },
    { customerId: 'd', promoCode: 'Z' },
  ];
  const found = async (campaign: number, days = 7) =>
    (await givenBefore(ledger.pool, { tenant, campaign, days }, asked))
      .map(({ customerId, promoCode }) => `${customerId} ${promoCode}`)
      .sort();
  expect(await found(now.ref)).toEqual(['a X', 'b X', 'd Z']);
  expect(await found(before)).toEqual([]);

  // Taken back is not given, also where it happened to one customer alone.
  const place = { campaign: before, batch: 1, position: 3 };
  await transaction(ledger.pool, (connection) =>
    appendChange(connection, place, { fact: 'state', cause: 'revoked' }),
  );
  expect(await found(now.ref)).toEqual(['a X', 'd Z']);

  await ledger.pool.query(
    "update effect set answered = now() - interval '8 days' where campaign = $1",
    [before],
  );
  expect(await found(now.ref, 7)).toEqual([]);
  expect(await found(now.ref, 9)).toEqual(['a X', 'd Z']);
});

test('10,000 customers are asked about at once, against three campaigns that gave to half of them', async () => {
  const tenant = `t-${randomUUID()}`;
  for (const campaignId of ['1', '2', '3']) {
    await gave({ tenant, campaignId }, rowsOf(10_000), allocated(5_000));
  }
  const { ref: campaign } = await runningCampaign(ledger.pool, rowsOf(1), {
    id: { tenant, campaignId: '4' },
  });
  const asked = rowsOf(10_000).map(({ customerId }) => ({ customerId, promoCode: 'SPINS' }));
  const began = performance.now();
  const found = await givenBefore(ledger.pool, { tenant, campaign, days: 7 }, asked);
  expect(found).toHaveLength(5_000);
  // Generous: it takes 0.1 s on a machine that does nothing else; a bad plan takes minutes.
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('a hold that follows at once upon a release is told of anew', async () => {
  const { ref, id } = await runningCampaign(ledger.pool, rowsOf(1));
  await holdFor(ref, { audience: 9 });
  await release(ref);
  await holdFor(ref, { codes: ['X'] });
  expect(await openAlerts(ledger.pool, [id.tenant])).toHaveLength(2);
  await lookForConcerns({ pool: ledger.pool, log: silent }, [id.tenant]);
  expect(await openAlerts(ledger.pool, [id.tenant])).toHaveLength(1);
});
