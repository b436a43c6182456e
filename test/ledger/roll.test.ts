import { afterAll, beforeAll, expect, test } from 'vitest';
import { record } from '../../src/ledger/batches.ts';
import { readRoll } from '../../src/ledger/roll.ts';
import { openLedger, row, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

/** Ann and Bob hold the reward and are approved, Cid was asked about and never answered. */
async function given() {
  const { pool } = ledger;
  const rows = ['ann', 'bob', 'cid'].map((customer) => row(customer, 'SPINS'));
  const { ref } = await runningCampaign(pool, rows);
  const batch = { campaign: ref, number: 1 };
  const each = [1, 2, 3];
  await record(
    pool,
    batch,
    each.map((position) => ({ position, state: 'passed' })),
  );
  await record(
    pool,
    batch,
    each.map((position) => ({ position, state: 'rewarded' })),
  );
  await record(
    pool,
    batch,
    each.map((position) => ({ position, state: 'allocated' })),
  );
  await record(pool, batch, [
    { position: 1, clearance: 'told_true' },
    { position: 2, clearance: 'told_true' },
    { position: 3, clearance: 'asked' },
  ]);
  return { ref, batch };
}

const names = async (ref: number, roll: Parameters<typeof readRoll>[2]) =>
  (await readRoll(ledger.pool, ref, roll, { limit: 10 })).map(({ customerId }) => customerId);

test('whoever has used the reward is listed, and goes on being so after the campaign is deleted', async () => {
  const { ref, batch } = await given();
  await record(ledger.pool, batch, [{ position: 2, state: 'used' }]);
  await ledger.pool.query("update campaign set fence = 'deleted' where ref = $1", [ref]);
  expect(await names(ref, 'used')).toEqual(['bob']);
});

test('whoever was approved and not sent is listed once it is known who was sent', async () => {
  const { ref } = await given();
  expect(await names(ref, 'not_sent')).toEqual([]);
  await ledger.pool.query("update batch set sent = '{[1,2)}' where campaign = $1", [ref]);
  expect(await names(ref, 'not_sent')).toEqual(['bob']);
});

test('whoever was reported without an answer is listed, page by page', async () => {
  const { ref } = await given();
  expect(await names(ref, 'unknown')).toEqual(['cid']);
  const [first] = await readRoll(ledger.pool, ref, 'unknown', { limit: 1 });
  const rest = await readRoll(ledger.pool, ref, 'unknown', { limit: 1, after: first?.place });
  expect(rest).toEqual([]);
});
