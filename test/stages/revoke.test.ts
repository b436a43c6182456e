import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import { type RevocationReason, revocationReasons } from '../../src/domain/words.ts';
import { heldBatches, markAwaited } from '../../src/ledger/batches.ts';
import { appendChange } from '../../src/ledger/columns.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { queuedBatches } from '../../src/ledger/redemptions.ts';
import { openLedger, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch, type TestBatch } from './batch.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const given = ['screen', 'validate', 'allocate'] as const;

/** Allocated members: untold, approved, denied, of unknown clearance, and used; then one refused. */
async function openMixed(): Promise<TestBatch> {
  const batch = await openBatch(ledger, rowsOf(6));
  batch.far.rules.ineligible.add('c6');
  await batch.walk(...given);
  await batch.happen([
    { position: 2, clearance: 'told_true' },
    { position: 3, clearance: 'told_false' },
    { position: 4, clearance: 'asked' },
    { position: 5, clearance: 'told_true', state: 'used' },
  ]);
  return batch;
}

const untouched = ['allocated', 'allocated', 'allocated', 'allocated', 'used', 'refused'];

function expected(reason: RevocationReason): string[] {
  if (reason === 'deadline' || reason === 'late') {
    return ['revoked', 'allocated', 'revoked', 'allocated', 'used', 'refused'];
  }
  // Only who was surely not approved: of the others nothing was read yet.
  if (reason === 'not_sent') {
    return ['allocated', 'allocated', 'revoked', 'allocated', 'used', 'refused'];
  }
  return untouched.map((state) => {
    if (state !== 'allocated') return state;
    return reason === 'expired' ? 'expired' : 'revoked';
  });
}

test.each(revocationReasons)(
  '"%s" takes back what it selects, and nothing else',
  async (reason) => {
    const batch = await openMixed();
    expect(await batch.states()).toEqual(untouched);
    expect(await heldBatches(ledger.pool, batch.ref, reason)).toEqual([1]);
    await batch.walk(reason);
    expect(await batch.states()).toEqual(expected(reason));
    const told = batch.far.of('revoke').map(({ body }) => body);
    expect(told).toMatchObject([{ reason, campaignId: '4711' }]);
    expect(await heldBatches(ledger.pool, batch.ref, reason)).toEqual([]);
  },
);

test.each([true, false])(
  'an allocation of unknown outcome is taken back, and nobody looks for it again (acted: %s)',
  async (acts) => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk('screen', 'validate');
    batch.far.mishap('allocate', { acts, fault: lostAnswer() });
    await expect(batch.attempt('allocate')).rejects.toThrow();
    expect(await heldBatches(ledger.pool, batch.ref, 'deadline')).toEqual([1]);
    await batch.walk('deadline');
    expect(await batch.states()).toEqual(['revoked', 'revoked']);
    expect([...batch.far.allocations.values()]).toEqual(['revoked', 'revoked']);
    expect(await heldBatches(ledger.pool, batch.ref, 'deadline')).toEqual([]);
  },
);

test('the reward of an approval whose process died is kept, and its clearance is unknown', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given);
  expect(await batch.die('report', 'report')).toBe('died');
  await markAwaited(ledger.pool, batch.ref);
  await batch.walk('deadline');
  expect(await batch.states()).toEqual(['allocated', 'allocated']);
  expect((await batch.members()).map(({ clearance }) => clearance)).toEqual(['unknown', 'unknown']);
  expect(batch.far.of('revoke')).toEqual([]);
});

test('what a platform refuses to take back is asked for again by the next round', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk(...given);
  batch.far.rules.poison.add('c1');
  await batch.walk('canceled');
  expect(await batch.states()).toEqual(['allocated']);
  batch.far.rules.poison.clear();
  await batch.walk('canceled');
  expect(await batch.states()).toEqual(['revoked']);
});

test('the queued redemptions of what is taken back are dropped', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given, 'report', 'redeem');
  expect(await queuedBatches(ledger.pool, batch.id.tenant)).toHaveLength(1);
  await batch.walk('canceled', 'tell');
  expect(batch.far.of('redeem')).toEqual([]);
  expect((await batch.members()).map(({ redemption }) => redemption)).toEqual(['none', 'none']);
});

test('redemptions are told once and for all, and keep nothing due', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  await batch.walk(...given, 'report', 'redeem', 'tell', 'redeem', 'tell');
  expect(batch.far.of('redeem')).toHaveLength(1);
  expect(batch.far.redeemed.size).toBe(3);
  expect(await queuedBatches(ledger.pool, batch.id.tenant)).toEqual([]);
});

test('a redemption says the same in whichever call it is told, also after a refused repeat', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given, 'report', 'redeem');
  batch.far.mishap('redeem', { acts: true, fault: lostAnswer() });
  batch.far.mishap('redeem', {
    acts: false,
    fault: new Fault('refused', 'answered 400', { status: 400 }),
  });
  await batch.walk('tell');
  const calls = batch.far.of('redeem').map(({ hash }) => hash);
  expect(calls).toHaveLength(3);
  expect(new Set(calls).size).toBe(1);
});

test('what is queued while others are told keeps the batch due', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given);
  await batch.happen([{ position: 1, clearance: 'told_true' }]);
  await batch.walk('redeem');
  const queueOther = async () => {
    await batch.happen([{ position: 2, clearance: 'told_true', redemption: 'queued' }]);
  };
  batch.far.mishap('redeem', { acts: true, meanwhile: queueOther });
  await batch.walk('tell');
  expect(await queuedBatches(ledger.pool, batch.id.tenant)).toHaveLength(1);
});

test('what the customer used meanwhile is told as it was queued, and keeps nothing due', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk(...given, 'report', 'redeem');
  await transaction(ledger.pool, (connection) =>
    appendChange(
      connection,
      { campaign: batch.ref, batch: 1, position: 1 },
      { fact: 'state', cause: 'used' },
    ),
  );
  await batch.walk('tell');
  expect(batch.far.of('redeem')).toHaveLength(1);
  expect(await queuedBatches(ledger.pool, batch.id.tenant)).toEqual([]);
});
