import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import type { Use } from '../../src/domain/use.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { queuedBatches } from '../../src/ledger/redemptions.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { createUses } from '../../src/ledger/uses.ts';
import type { RedemptionReport } from '../../src/world.ts';
import { openLedger, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch } from './batch.ts';
import { openGrants } from './event-eleven.ts';
import { type FarSides, lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const usedAt = Date.parse('2026-03-03T09:14:55.250Z');
const rewards = [{ rewardTypeId: 'spins', value: 3 }];

/** A batch whose customers hold their rewards; `isImmediate`: they were approved, and their redemptions queued. */
async function openUsed(count: number, { isImmediate = false } = {}) {
  const batch = await openBatch(ledger, rowsOf(count));
  await batch.walk('screen', 'validate', 'allocate');
  if (isImmediate) await batch.walk('report', 'redeem');
  const { tenant, campaignId } = batch.id;
  const uses = createUses(ledger.pool);
  return {
    ...batch,
    async use(customerId: string, given: Partial<Use> = {}): Promise<string | undefined> {
      const use = { campaignId, customerId, promoCode: 'SPINS', usedAt, ...given };
      const [result] = await uses.record(tenant, [use], { isRedeemed: true });
      return result?.answer;
    },
    told: () => toldBy(batch.far),
    fence: () => fenceCampaign(ledger.pool, batch.id, 'deleted'),
    due: () => queuedBatches(ledger.pool, tenant),
    async redemptions() {
      return (await batch.members()).map(({ redemption }) => redemption);
    },
  };
}

/** What Promotions was told, call by call. */
function toldBy(far: FarSides): RedemptionReport[][] {
  return far.sent.flatMap((one) => (one.kind === 'redeem' ? [one.body] : []));
}

const customersOf = (call: readonly RedemptionReport[] | undefined) =>
  call?.map(({ customerId }) => customerId);

test('what nobody has told of is told in the words of the platform', async () => {
  const batch = await openUsed(2);
  await batch.use('c1', { redemptionId: 'r-1', rewards, code: 'U-1' });
  await batch.use('c2');
  await batch.walk('tell');
  expect(batch.told()).toMatchObject([
    [
      { redemptionId: 'r-1', redeemedAt: usedAt, rewards: [{ value: 3, code: 'U-1' }] },
      { redemptionId: expect.stringMatching(/^[0-9a-f-]{36}$/), rewards: [{ value: 10 }] },
    ],
  ]);
  expect(await batch.states()).toEqual(['used', 'used']);
  expect(await batch.redemptions()).toEqual(['told', 'told']);
  expect(await batch.due()).toEqual([]);
});

test('what is told when it is given is told once, in our words, used before or after', async () => {
  const batch = await openUsed(2, { isImmediate: true });
  expect(await batch.use('c1', { redemptionId: 'r-1' })).toBe('already_told');
  await batch.walk('tell');
  expect(await batch.use('c2', { redemptionId: 'r-2' })).toBe('already_told');
  await batch.walk('tell');
  expect(batch.told().map(customersOf)).toEqual([['c1', 'c2']]);
  expect(batch.told().flat()).not.toContainEqual(expect.objectContaining({ redeemedAt: usedAt }));
  expect([...batch.far.redeemed.keys()].filter((id) => id.startsWith('r-'))).toEqual([]);
  expect(await batch.states()).toEqual(['used', 'used']);
});

test('what is used while its batch is told is built anew, and each is told once', async () => {
  const batch = await openUsed(1_500, { isImmediate: true });
  batch.far.mishap('redeem', { acts: true, meanwhile: () => batch.use('c1400') });
  await batch.walk('tell');
  expect(batch.told().map(({ length }) => length)).toEqual([1_000, 500]);
  expect(batch.far.redeemed.size).toBe(1_500);
  expect([...batch.far.redeemed.values()].every((times) => times === 1)).toBe(true);
  expect((await batch.states())[1_399]).toBe('used');
});

test('what is used while others are told keeps its batch due, and is told next', async () => {
  const batch = await openUsed(2);
  await batch.use('c1');
  batch.far.mishap('redeem', { acts: true, meanwhile: () => batch.use('c2') });
  await batch.walk('tell');
  expect(await batch.due()).toHaveLength(1);
  await batch.walk('tell');
  expect(batch.told().map(customersOf)).toEqual([['c1'], ['c2']]);
});

test('a lost answer is repeated to the letter, whatever is used meanwhile', async () => {
  const batch = await openUsed(3);
  await batch.use('c1', { redemptionId: 'r-1', rewards, code: 'U-1' });
  await batch.use('c2');
  const meanwhile = () => batch.use('c3', { redemptionId: 'r-3' });
  batch.far.mishap('redeem', { acts: true, meanwhile, fault: lostAnswer() });
  await batch.walk('tell');
  const [first, second, third] = batch.told();
  expect(second).toEqual(first);
  expect(customersOf(third)).toEqual(['c3']);
  expect(await batch.redemptions()).toEqual(['told', 'told', 'told']);
});

test('what was used before its campaign was deleted stays with its customer, and is told', async () => {
  const batch = await openUsed(3, { isImmediate: true });
  await batch.use('c2');
  await batch.fence();
  await batch.walk('canceled', 'tell');
  expect(await batch.states()).toEqual(['revoked', 'used', 'revoked']);
  expect(batch.told().map(customersOf)).toEqual([['c2']]);
  expect(await batch.redemptions()).toEqual(['none', 'told', 'none']);
  expect(await batch.due()).toEqual([]);
  const found = await verify(ledger.pool, { tenant: batch.id.tenant });
  expect(found.flatMap(({ examples }) => examples)).toEqual([]);
});

test('what is used after its campaign was deleted is told, unless it was taken back', async () => {
  const batch = await openUsed(2);
  await batch.fence();
  expect(await batch.use('c1', { redemptionId: 'r-1' })).toBe('accepted');
  await batch.walk('canceled');
  expect(await batch.use('c2')).toBe('revoked');
  await batch.walk('tell');
  expect([...batch.far.redeemed]).toEqual([['r-1', 1]]);
});

test('what is used at the moment it is taken back is told all the same', async () => {
  const batch = await openUsed(2, { isImmediate: true });
  await batch.fence();
  batch.far.mishap('revoke', { acts: true, meanwhile: () => batch.use('c1') });
  await batch.walk('canceled', 'tell');
  expect(await batch.states()).toEqual(['used', 'revoked']);
  expect(batch.told().map(customersOf)).toEqual([['c1']]);
  expect(await batch.redemptions()).toEqual(['told', 'none']);
});

test('nothing of a deleted campaign is told that was not used, also before it is taken back', async () => {
  const batch = await openUsed(2, { isImmediate: true });
  await batch.use('c1');
  await batch.fence();
  await batch.walk('tell');
  expect(batch.told().map(customersOf)).toEqual([['c1']]);
  expect(await batch.redemptions()).toEqual(['told', 'queued']);
  expect(await batch.due()).toEqual([]);
});

test('a call whose answer was lost before the fence is not repeated: what was used of it is told by itself', async () => {
  const batch = await openUsed(2, { isImmediate: true });
  batch.far.mishap('redeem', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('tell')).rejects.toThrow();
  await batch.use('c1');
  await batch.fence();
  await batch.walk('tell', 'canceled');
  const [lost, again] = batch.told();
  expect(batch.told()).toHaveLength(2);
  expect(again).toEqual(lost?.slice(0, 1));
  const redeemed = (await batch.effects()).filter(({ kind }) => kind.startsWith('redeem'));
  expect(redeemed).toMatchObject([
    { kind: 'redeem', outcome: 'given_up' },
    { kind: 'redeem_used', outcome: 'done' },
  ]);
});

test('a lost answer after the fence is repeated to the letter', async () => {
  const batch = await openUsed(2, { isImmediate: true });
  await batch.use('c1');
  await batch.fence();
  batch.far.mishap('redeem', { acts: true, fault: lostAnswer() });
  await batch.walk('tell');
  const [first, second] = batch.told();
  expect(second).toEqual(first);
  expect(customersOf(first)).toEqual(['c1']);
});

test('what was used is told also when the others have expired meanwhile', async () => {
  const batch = await openUsed(2);
  await batch.use('c1');
  await batch.walk('expired', 'tell');
  expect(await batch.states()).toEqual(['used', 'expired']);
  expect(batch.told().map(customersOf)).toEqual([['c1']]);
});

test('of a code that Promotions does not know nothing is told', async () => {
  const batch = await openBatch(ledger, rowsOf(1), { plan: { recipe: ['screen', 'allocate'] } });
  batch.far.rules.unknownCodes.add('SPINS');
  await batch.walk('screen', 'allocate');
  const { tenant, campaignId } = batch.id;
  const use = { campaignId, customerId: 'c1', promoCode: 'SPINS', usedAt };
  await createUses(ledger.pool).record(tenant, [use], { isRedeemed: true });
  await batch.walk('tell');
  expect(toldBy(batch.far)).toEqual([]);
  expect(await queuedBatches(ledger.pool, tenant)).toEqual([]);
});

/** A gate each of whose triggers is one of its own, and whose redemptions wait until they are told. */
async function openPools() {
  const gate = await openGrants(ledger, {
    tenant: { scheduled: { redeemEveryMinutes: 0 } },
    triggered: { repeats: 'each', repeatWindowSeconds: 1 },
  });
  const { debts, redeemBatch, settleBatch } = upkeepActivities(gate.houseOf(ledger.pool));
  const { tenant, campaignId } = gate;
  return {
    ...gate,
    /** The customer meets the trigger again, later. */
    async askLater(user: string): Promise<void> {
      await ledger.pool.query(
        `update answer a set asked_at = asked_at - interval '1 hour' from campaign c
         where c.ref = a.campaign and c.id = $1`,
        [campaignId],
      );
      expect(await gate.ask(user)).toMatchObject({ allowed: true });
    },
    /** One call each, as a debt that cannot be paid waits for the next. */
    async redeem(): Promise<void> {
      for (const debt of (await debts({ tenant })).redemptions) {
        await new MockActivityEnvironment().run(() => redeemBatch(debt)).catch(() => {});
      }
    },
    /** What is left unknown is found out about. */
    async settle(): Promise<void> {
      for (const debt of (await debts({ tenant })).unknown) {
        await new MockActivityEnvironment().run(() => settleBatch(debt));
      }
    },
    /** As if nothing of the campaign had been queued when it was given. */
    async forget(): Promise<void> {
      await ledger.pool.query(
        `update batch b set redemption = decode(repeat('00', b.size), 'hex'), version = version + 1,
           redemptions_due_at = null, redemptions_queued_at = null
         from campaign c where c.ref = b.campaign and c.id = $1`,
        [campaignId],
      );
    },
    async use(customerId: string, redemptionId: string, at = usedAt) {
      const use = { campaignId, customerId, promoCode: 'SPINS', usedAt: at, redemptionId };
      const [result] = await createUses(ledger.pool).record(tenant, [use], { isRedeemed: true });
      return { answer: result?.answer, redemptionId: result?.redemptionId };
    },
    async used(): Promise<number[]> {
      const found = await ledger.pool.query<{ instance: number }>(
        `select a.instance from assignment a join campaign c on c.ref = a.campaign
         join member m on m.campaign = a.campaign and m.batch = a.batch and m.position = a.position
         where c.id = $1 and m.state = 'used' order by 1`,
        [campaignId],
      );
      return found.rows.map(({ instance }) => instance);
    },
  };
}

test('of several triggers the oldest that was not used is used, and a repeat uses no second one', async () => {
  const gate = await openPools();
  for (let trigger = 0; trigger < 3; trigger += 1) await gate.askLater('ann');
  await gate.forget();
  const accepted = (redemptionId: string) => ({ answer: 'accepted', redemptionId });
  expect(await gate.use('ann', 'r-1')).toEqual(accepted('r-1'));
  expect(await gate.use('ann', 'r-1')).toEqual({ answer: 'already_used', redemptionId: 'r-1' });
  expect(await gate.used()).toEqual([0]);
  expect(await gate.use('ann', 'r-2')).toEqual(accepted('r-2'));
  expect(await gate.used()).toEqual([0, 1]);
  await gate.close();
});

test('pools share a call also where each is told in the words of the platform', async () => {
  const gate = await openPools();
  for (const user of ['ann', 'bob', 'cid']) await gate.askLater(user);
  await gate.forget();
  await gate.use('ann', 'r-1');
  await gate.use('cid', 'r-3');
  await gate.redeem();
  expect(toldBy(gate.far)).toMatchObject([
    [
      { customerId: 'ann', redemptionId: 'r-1', redeemedAt: usedAt },
      { customerId: 'cid', redemptionId: 'r-3', redeemedAt: usedAt },
    ],
  ]);
  await gate.close();
});

test('pools whose call was lost are told again before what was used since', async () => {
  const gate = await openPools();
  // Both in one pool, and a third in one of its own.
  await gate.askAll(['ann', 'bob']);
  await gate.askLater('cid');
  await gate.forget();
  await gate.use('ann', 'r-1');
  await gate.use('cid', 'r-3');
  gate.far.mishap('redeem', { acts: true, fault: lostAnswer() });
  await gate.redeem();
  await gate.use('bob', 'r-2');
  await gate.redeem();
  await gate.redeem();
  await gate.settle();
  expect(Object.fromEntries(gate.far.redeemed)).toEqual({ 'r-1': 2, 'r-2': 1, 'r-3': 2 });
  await gate.redeem();
  expect(gate.far.redeemed.size).toBe(3);
  const found = await verify(ledger.pool, { tenant: gate.tenant });
  expect(found.flatMap(({ examples }) => examples)).toEqual([]);
  await gate.close();
});
