import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import { Fault } from '../../src/domain/fault.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openGrants, type TestGrants } from './event-eleven.ts';
import { lostAnswer } from './far-sides.ts';

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

const users = ['ann', 'bob', 'cid', 'dee'];

/** A pool for each customer, each with a queued redemption. */
async function pooled() {
  const gate = await openGrants(ledger, { tenant: { scheduled: { redeemEveryMinutes: 0 } } });
  opened.push(gate);
  for (const user of users) expect(await gate.ask(user)).toMatchObject({ allowed: true });
  const { debts, redeemBatch } = upkeepActivities(gate.houseOf(ledger.pool));
  const due = async () => (await debts({ tenant: gate.tenant })).redemptions;
  return {
    ...gate,
    due,
    async redeem(): Promise<void> {
      for (const debt of await due()) {
        await new MockActivityEnvironment().run(() => redeemBatch(debt));
      }
    },
    async told(): Promise<number> {
      const found = await ledger.pool.query(
        `select from member m join campaign c on c.ref = m.campaign
         where c.id = $1 and m.redemption = 'told'`,
        [gate.campaignId],
      );
      return found.rowCount ?? 0;
    },
  };
}

it('tells what the gate gave in many small pools in one call', async () => {
  const gate = await pooled();
  expect(await gate.due()).toMatchObject([
    { more: [expect.any(Number), expect.any(Number), expect.any(Number)] },
  ]);
  await gate.redeem();
  expect(gate.far.of('redeem')).toHaveLength(1);
  expect([...gate.far.redeemed.values()]).toEqual([1, 1, 1, 1]);
  expect(await gate.told()).toBe(4);
  expect(await gate.due()).toEqual([]);
});

it('repeats a call whose answer was lost, with the same redemptions', async () => {
  const gate = await pooled();
  gate.far.mishap('redeem', { acts: true, fault: lostAnswer() });
  await expect(gate.redeem()).rejects.toThrow();
  await gate.redeem();
  expect([...gate.far.redeemed.values()]).toEqual([2, 2, 2, 2]);
  expect(await gate.told()).toBe(4);
});

it('finds who is refused pool by pool, and tells the others', async () => {
  const gate = await pooled();
  gate.far.rules.poison.add('bob');
  await gate.redeem();
  expect(gate.far.redeemed.size).toBe(3);
  expect(await gate.told()).toBe(3);
  expect(await gate.due()).toEqual([]);
});

it('begins again what surely did not arrive', async () => {
  const gate = await pooled();
  gate.far.mishap('redeem', {
    acts: false,
    fault: new Fault('not_sent', 'refused', { status: 429 }),
  });
  await expect(gate.redeem()).rejects.toThrow();
  await gate.redeem();
  expect([...gate.far.redeemed.values()]).toEqual([1, 1, 1, 1]);
});
