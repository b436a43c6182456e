import { EventEmitter } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openQueue } from '../../src/activities/code-queue.ts';
import { cutAudience } from '../../src/ledger/audience.ts';
import { finishBatch, waitsForLower } from '../../src/ledger/batches.ts';
import { startPass } from '../../src/ledger/campaigns.ts';
import { claimBatch } from '../../src/ledger/columns.ts';
import { openLedger, row, runningCampaign, stage, type TestLedger } from '../ledger/ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

/** A campaign of three batches, and their places in the queues, all of one process or each of its own. */
async function threeBatches(isOneProcess: boolean) {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X')]);
  for (const [index, id] of ['b', 'c'].entries()) {
    await stage(pool, ref, [row(id, 'X')], { sweep: index + 2 });
    await cutAudience(pool, ref);
  }
  const { signal } = new AbortController();
  const own = new EventEmitter();
  const queueOf = (batch: number) =>
    openQueue(pool, isOneProcess ? own : new EventEmitter(), { ref, batch, signal });
  return { ref, queues: [queueOf(1), queueOf(2), queueOf(3)] as const };
}

/** All that wait for a lock or an answer of the ledger now have had their turn once. */
const glance = () => ledger.pool.query('select');

test.each([true, false])(
  'a code is validated in the order of the batches (in one process: %s)',
  async (isOneProcess) => {
    const { queues } = await threeBatches(isOneProcess);
    const order: number[] = [];
    const walk = async (index: 0 | 1 | 2) => {
      await queues[index].standsFor(['X']);
      await queues[index].comes('X');
      await glance();
      order.push(index + 1);
      await queues[index].standsFor([]);
    };
    await Promise.all([walk(2), walk(1), glance().then(() => walk(0))]);
    expect(order).toEqual([1, 2, 3]);
  },
);

test('a batch waits for no lower one that has not got its code, or is done with it', async () => {
  const { ref, queues } = await threeBatches(true);
  const { pool } = ledger;
  expect(await waitsForLower(pool, ref, 3, 'Y')).toBe(true);
  await queues[0].standsFor(['X']);
  await queues[1].standsFor(['X', 'Y']);
  expect(await waitsForLower(pool, ref, 3, 'Y')).toBe(true);
  expect(await waitsForLower(pool, ref, 2, 'Y')).toBe(false);
  await queues[1].standsFor(['X']);
  await queues[2].comes('Y');
  expect(await waitsForLower(pool, ref, 3, 'X')).toBe(true);
});

test('each pass begins the order anew, without the batches that are finished', async () => {
  const { ref, queues } = await threeBatches(true);
  const { pool } = ledger;
  for (const queue of queues) await queue.standsFor([]);
  expect(await waitsForLower(pool, ref, 3, 'X')).toBe(false);
  await startPass(pool, ref);
  expect(await waitsForLower(pool, ref, 3, 'X')).toBe(true);
  for (const batch of [1, 2]) await finishBatch(pool, await claimBatch(pool, ref, batch));
  expect(await waitsForLower(pool, ref, 3, 'X')).toBe(false);
});
