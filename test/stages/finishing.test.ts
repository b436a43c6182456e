import { afterAll, beforeAll, expect, test } from 'vitest';
import { finishBatch, unfinishedBatches } from '../../src/ledger/batches.ts';
import { claimBatch } from '../../src/ledger/columns.ts';
import { openLedger, row, type TestLedger } from '../ledger/ledger.ts';
import { openBatch } from './batch.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

test('a batch that has walked its last stage is finished, also when that is walked twice', async () => {
  const { pool } = ledger;
  const batch = await openBatch(ledger, [row('a', 'X'), row('b', 'X')]);
  await batch.walk('screen', 'validate', 'allocate', 'report');
  expect(await unfinishedBatches(pool, batch.ref)).toEqual([1]);
  for (const time of ['once', 'again']) {
    expect(await batch.attempt('redeem', pool, true), time).toEqual({ finished: true });
    expect(await unfinishedBatches(pool, batch.ref), time).toEqual([]);
  }
});

test('a batch that waits for an answer is not finished at its last stage', async () => {
  const { pool } = ledger;
  const batch = await openBatch(ledger, [row('a', 'X')]);
  await batch.walk('screen', 'validate', 'allocate');
  expect(await batch.die('report', 'report')).toBe('died');
  expect(await batch.attempt('redeem', pool, true)).toEqual({ finished: false });
  expect(await unfinishedBatches(pool, batch.ref)).toEqual([1]);
});

test('an attempt that a newer one has overtaken finishes nothing', async () => {
  const { pool } = ledger;
  const batch = await openBatch(ledger, [row('a', 'X')]);
  const older = await claimBatch(pool, batch.ref, 1);
  const newer = await claimBatch(pool, batch.ref, 1);
  expect(await finishBatch(pool, older)).toBe(false);
  expect(await unfinishedBatches(pool, batch.ref)).toEqual([1]);
  expect(await finishBatch(pool, newer)).toBe(true);
});
