import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { batchActivities } from '../../src/activities/batch.ts';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import { tenantsWithEndings } from '../../src/ledger/endings.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openGrants, type TestGrants } from './event-eleven.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGrants[] = [];
afterEach(async () => {
  for (const gate of opened.splice(0)) {
    const found = await verify(ledger.pool, { tenant: gate.tenant });
    expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    await gate.close();
  }
});

/** Three pools of the gate, one of which ends now. */
async function pooled() {
  const gate = await openGrants(ledger);
  opened.push(gate);
  for (const user of ['ann', 'bob', 'cid']) await gate.ask(user);
  const ref = (await gate.campaign())?.ref ?? 0;
  const house = gate.houseOf(ledger.pool);
  const { revokeBatch, batchesToRevoke } = batchActivities(house);
  return {
    ...gate,
    ref,
    ...upkeepActivities(house),
    batchesToRevoke,
    revoke: (batch: number, more: number[], reason: 'expired' | 'canceled') =>
      new MockActivityEnvironment().run(() => revokeBatch({ ref, batch, more, reason })),
    endFirst: () =>
      ledger.pool.query(
        `update batch set expires_at = now() - interval '1 second' where campaign = $1 and number =
           (select min(number) from batch where campaign = $1)`,
        [ref],
      ),
  };
}

it('what a pool gave is taken back when it ends, and no other pool of its campaign', async () => {
  const gate = await pooled();
  const { tenant, campaignId, ref } = gate;
  const { at } = await gate.nextExpiry({ tenant, campaignId });
  expect((at ?? 0) - Date.now()).toBeGreaterThan(6 * 86_400_000);
  expect((await gate.debts({ tenant })).ending).toEqual([]);
  expect(await tenantsWithEndings(ledger.pool)).not.toContain(tenant);

  await gate.endFirst();
  expect((await gate.debts({ tenant })).ending).toEqual([campaignId]);
  expect(await tenantsWithEndings(ledger.pool)).toContain(tenant);
  expect((await gate.nextExpiry({ tenant, campaignId })).at).toBeLessThan(Date.now());
  const due = await gate.batchesToRevoke({ ref, reason: 'expired' });
  expect(due).toHaveLength(1);
  await gate.revoke(due[0] ?? 0, [], 'expired');
  expect((await gate.members()).map(({ state }) => state)).toEqual([
    'expired',
    'allocated',
    'allocated',
  ]);
  expect((await gate.nextExpiry({ tenant, campaignId })).at).toBeGreaterThanOrEqual(at ?? Infinity);
  expect((await gate.debts({ tenant })).ending).toEqual([]);
});

it('many small pools are taken back by one activity', async () => {
  const gate = await pooled();
  await fenceCampaign(ledger.pool, { tenant: gate.tenant, campaignId: gate.campaignId }, 'deleted');
  const [first = 0, ...more] = await gate.batchesToRevoke({ ref: gate.ref, reason: 'canceled' });
  expect(more).toHaveLength(2);
  await gate.revoke(first, more, 'canceled');
  expect(gate.held()).toEqual([]);
  expect((await gate.members()).map(({ state }) => state)).toEqual([
    'revoked',
    'revoked',
    'revoked',
  ]);
});
