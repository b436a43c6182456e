import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { awardedRecipe, publisherRecipe } from '../../src/domain/flow.ts';
import { heldBatches, lapseCampaign, record } from '../../src/ledger/batches.ts';
import { closeCampaign } from '../../src/ledger/campaigns.ts';
import { fixSpan } from '../../src/ledger/fulfilment-spans.ts';
import { openFulfilment, recordExecution } from '../../src/ledger/fulfilments.ts';
import { queuedBatches } from '../../src/ledger/redemptions.ts';
import { markSent, settleSent } from '../../src/ledger/sent.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { cutOf, dayMs, executedPlan, openedFulfilment, stageOf } from '../ledger/executed.ts';
import { openLedger, row, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch } from './batch.ts';
import { openExecuted } from './executed.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const automatic = { plan: executedPlan('automatic') };
const executions = { plan: executedPlan('executions') };
const publisher = { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe } as const;
const summary = {
  ...{ reason: 'decided', audience: 0, states: {}, approvedCustomers: 0 },
  ...{ deniedCustomers: 0, unknownCustomers: 0, delegatedCustomers: 0 },
};

describe('what was awarded', () => {
  test('is given without a validation or a report, and redeemed', async () => {
    const batch = await openExecuted(ledger, rowsOf(2), automatic);
    for (const customer of ['c1', 'c2']) batch.far.award(customer);
    await batch.walk('screen', 'award', 'allocate', 'redeem', 'tell');
    expect(await batch.states()).toEqual(['allocated', 'allocated']);
    expect([batch.far.of('validate'), batch.far.of('report')]).toEqual([[], []]);
    expect(batch.far.of('redeem')).toHaveLength(1);
    expect(batch.far.redeemed.size).toBe(2);
    expect(await queuedBatches(ledger.pool, batch.id.tenant)).toEqual([]);
  });

  test('is told with the reward of the award, to the end of the campaign', async () => {
    const batch = await openExecuted(ledger, rowsOf(1), automatic);
    batch.far.award('c1');
    await batch.walk('screen', 'award', 'allocate');
    const [given] = batch.far.of('allocate').map(({ body }) => body.allocations[0]);
    expect(given).toMatchObject({
      ...{ customerId: 'c1', promocodeId: 'id of SPINS', expiresAt: batch.endsAt },
      rewards: [{ rewardTypeId: 'spins', value: 10 }],
    });
    expect(given).not.toHaveProperty('startsAt');
  });

  test('is nothing for whoever has no award: refused, once any of the campaign show', async () => {
    const batch = await openExecuted(ledger, [row('a', 'X', 'Y'), row('b', 'X')], automatic);
    batch.far.award('a', 'X');
    await batch.walk('screen', 'award', 'allocate');
    expect((await batch.members()).map(({ state, reason }) => [state, reason])).toEqual([
      ['allocated', undefined],
      ['refused', 'not_awarded'],
      ['refused', 'not_awarded'],
    ]);
  });

  test('is not asked for of a code that Promotions does not know', async () => {
    const batch = await openExecuted(ledger, [row('a', 'LOST'), row('b', 'X')], automatic);
    batch.far.rules.unknownCodes.add('LOST');
    batch.far.award('b', 'X');
    await batch.walk('screen', 'award');
    expect((await batch.members()).map(({ state, reason }) => [state, reason])).toEqual([
      ['refused', 'unknown_promo_code'],
      ['validated', undefined],
    ]);
  });

  test('is waited for while nobody of the campaign has any', async () => {
    const batch = await openExecuted(ledger, rowsOf(2), automatic);
    await batch.walk('screen');
    const walked = batch.walk('award');
    await vi.waitFor(() => expect(batch.far.reads.assignments).toBe(1));
    expect(await batch.states()).toEqual(['screened', 'screened']);
    batch.far.award('c2');
    await walked;
    expect(await batch.states()).toEqual(['refused', 'validated']);
  });

  test('is not waited for where another batch has shown awards already', async () => {
    const batch = await openExecuted(ledger, rowsOf(2), automatic);
    const other = await openedFulfilment(ledger.pool, { ...batch.id, channel: '610' });
    await stageOf(ledger.pool, other, [row('another', 'SPINS')]);
    await cutOf(ledger.pool, other);
    await record(ledger.pool, { campaign: batch.ref, number: 2 }, [
      { position: 1, state: 'passed' },
      { position: 1, state: 'rewarded', rewards: [{ rewardTypeId: 'spins', value: 1 }] },
    ]);
    await batch.walk('screen', 'award');
    expect(batch.far.reads.assignments).toBe(1);
    expect(await batch.states()).toEqual(['refused', 'refused']);
  });
});

describe('what the publisher decided', () => {
  async function published() {
    const batch = await openBatch(ledger, rowsOf(3), { plan: publisher });
    batch.far.rules.deniedBy.set('c3', 'self_excluded');
    await batch.walk('screen', 'publish');
    await closeCampaign(ledger.pool, batch.ref, summary);
    const id = { ...batch.id, channel: '' };
    await recordExecution(ledger.pool, id, { at: Date.now(), plan: undefined });
    await openFulfilment(ledger.pool, id);
    const span = { startsAt: Date.now(), endsAt: Date.now() + 7 * dayMs };
    await fixSpan(ledger.pool, { ref: batch.ref, number: 1 }, span);
    return batch;
  }

  test('is given after event 13 to whoever was awarded, refused to others of the handed over', async () => {
    const batch = await published();
    batch.far.award('c1');
    batch.far.award('c3');
    await batch.walk('award', 'allocate', 'redeem', 'tell');
    expect(await batch.states()).toEqual(['allocated', 'refused', 'screened_out']);
    expect([...batch.far.allocations.keys()]).toEqual([expect.stringContaining('c1')]);
    expect(batch.far.redeemed.size).toBe(1);
  });

  test('ends for all of its batches when the campaign ends', async () => {
    const batch = await published();
    const { pool } = ledger;
    await pool.query("update campaign set expires_at = now() + interval '3 days' where ref = $1", [
      batch.ref,
    ]);
    batch.far.award('c1');
    await batch.walk('award', 'allocate');
    const [given] = batch.far.of('allocate').map(({ body }) => body.allocations[0]);
    expect(given?.expiresAt).toBeGreaterThan(Date.now() + 2.9 * dayMs);
    expect(given?.expiresAt).toBeLessThan(Date.now() + 3.1 * dayMs);
  });
});

describe('a handing over whose answer was lost until it was too late to repeat it', () => {
  test('is given after event 13 to whoever was awarded', async () => {
    const batch = await openBatch(ledger, rowsOf(2), { plan: publisher });
    await batch.walk('screen');
    batch.far.mishap('publish', { acts: true, fault: lostAnswer() });
    await expect(batch.attempt('publish')).rejects.toThrow('the answer was lost');
    await ledger.pool.query('update campaign set stop = now() where ref = $1', [batch.ref]);
    expect(await batch.walk('publish')).toEqual({ stopped: 'late' });
    await lapseCampaign(ledger.pool, batch.ref, 'deadline');
    await closeCampaign(ledger.pool, batch.ref, summary);
    const id = { ...batch.id, channel: '' };
    await recordExecution(ledger.pool, id, { at: Date.now(), plan: undefined });
    await openFulfilment(ledger.pool, id);
    const span = { startsAt: Date.now(), endsAt: Date.now() + 7 * dayMs };
    await fixSpan(ledger.pool, { ref: batch.ref, number: 1 }, span);
    batch.far.award('c1');
    await batch.walk('award', 'allocate');
    expect((await batch.states())[0]).toBe('allocated');
  });
});

describe('what was sent', () => {
  test('is told with its beginning after the lead time, and its end', async () => {
    const from = Date.now() - 30 * dayMs;
    const span = { from, leadTimeDays: 30, durationDays: 90 };
    const batch = await openExecuted(ledger, rowsOf(1), { ...executions, ...span });
    await batch.walk('screen', 'allocate');
    const startsAt = from + 30 * dayMs;
    expect(batch.far.of('allocate')[0]?.body).toMatchObject({
      campaign: { id: '4711', kind: 'scheduled', durationDays: 90 },
      allocations: [{ startsAt, expiresAt: startsAt + 90 * dayMs, rewards: [] }],
    });
  });

  test('is told of no beginning where there is no lead time', async () => {
    const batch = await openExecuted(ledger, rowsOf(1), executions);
    await batch.walk('screen', 'allocate');
    const [given] = batch.far.of('allocate').map(({ body }) => body.allocations[0]);
    expect(given).not.toHaveProperty('startsAt');
    expect(given?.expiresAt).toBe(batch.endsAt);
  });

  test('is given code by code: one that is declined costs no other, and nothing is reported', async () => {
    const batch = await openExecuted(ledger, [row('a', 'X', 'Y'), row('b', 'X')], executions);
    batch.far.rules.declined.add('b');
    await batch.happen([{ position: 1, state: 'screened_out', reason: 'a test' }]);
    await batch.walk('screen', 'allocate');
    expect(await batch.states()).toEqual(['screened_out', 'allocated', 'declined']);
    expect(batch.far.of('report')).toEqual([]);
  });

  test('of a lost answer is looked up first, and nobody is given twice', async () => {
    const batch = await openExecuted(ledger, rowsOf(3), executions);
    await batch.walk('screen');
    batch.far.mishap('allocate', { acts: true, fault: lostAnswer() });
    await batch.walk('allocate');
    expect([batch.far.reads.lookUps, batch.far.of('allocate').length]).toEqual([1, 1]);
    expect(await batch.states()).toEqual(['allocated', 'allocated', 'allocated']);
  });

  test('is given to nobody once the campaign is deleted, and what was given is taken back', async () => {
    const batch = await openExecuted(ledger, rowsOf(2), executions);
    await batch.walk('screen');
    batch.far.world.platform.maxItemsPerCall = 1;
    const fence = () => fenceCampaign(ledger.pool, batch.id, 'deleted');
    batch.far.mishap('allocate', { acts: true, meanwhile: fence });
    expect(await batch.walk('allocate')).toEqual({ stopped: 'fenced' });
    expect(batch.far.of('allocate')).toHaveLength(1);
    await batch.walk('canceled');
    expect([...batch.far.allocations.values()]).toEqual(['revoked']);
  });

  test('is given to nobody once its end has come', async () => {
    const given = { ...executions, from: Date.now() - 8 * dayMs };
    const batch = await openExecuted(ledger, rowsOf(1), given);
    expect(await batch.walk('screen', 'allocate')).toEqual({ stopped: 'late' });
    expect(batch.far.of('allocate')).toEqual([]);
  });

  test('ends at its own end, and no sooner', async () => {
    const batch = await openExecuted(ledger, rowsOf(2), executions);
    await batch.walk('screen', 'allocate');
    expect(await heldBatches(ledger.pool, batch.ref, 'expired')).toEqual([]);
    await ledger.pool.query('update batch set expires_at = now() where campaign = $1', [batch.ref]);
    expect(await heldBatches(ledger.pool, batch.ref, 'expired')).toEqual([1]);
    await batch.walk('expired');
    expect(await batch.states()).toEqual(['expired', 'expired']);
    expect(batch.far.of('revoke')).toMatchObject([{ body: { reason: 'expired' } }]);
  });
});

describe('who was not sent', () => {
  /** Four who hold it: approved and sent, approved and not sent, a lost yes not sent, and used. */
  async function confirmed(notSent: 'list' | 'revoke') {
    const batch = await openBatch(ledger, rowsOf(4), { plan: { notSent } });
    await batch.walk('screen', 'validate', 'allocate');
    await batch.happen([
      { position: 1, clearance: 'told_true' },
      { position: 2, clearance: 'told_true', redemption: 'queued' },
      { position: 3, clearance: 'asked' },
      { position: 4, clearance: 'told_true', state: 'used' },
    ]);
    await closeCampaign(ledger.pool, batch.ref, summary);
    const id = { ...batch.id, channel: '' };
    await recordExecution(ledger.pool, id, { at: Date.now(), plan: undefined });
    await stageOf(ledger.pool, { ref: batch.ref, number: 1 }, [row('c1')]);
    await markSent(ledger.pool, batch.ref, 1);
    await settleSent(ledger.pool, batch.ref);
    return batch;
  }

  test('is listed: only an approval that nobody heard is taken back', async () => {
    const batch = await confirmed('list');
    await batch.walk('not_sent');
    expect(await batch.states()).toEqual(['allocated', 'allocated', 'revoked', 'used']);
    expect(batch.far.of('revoke')).toMatchObject([{ body: { reason: 'not_sent' } }]);
    expect((await batch.members())[1]?.redemption).toBe('queued');
  });

  test('is taken back where the tenant says so, with what was to be redeemed; never what was used', async () => {
    const batch = await confirmed('revoke');
    await batch.walk('not_sent', 'not_sent');
    expect(await batch.states()).toEqual(['allocated', 'revoked', 'revoked', 'used']);
    expect((await batch.members())[1]?.redemption).toBe('none');
    expect(batch.far.of('revoke')).toHaveLength(1);
  });
});
