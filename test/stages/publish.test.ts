import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import { cutAudience } from '../../src/ledger/audience.ts';
import { learnedSize } from '../../src/ledger/tenants.ts';
import type { PublishedBatch } from '../../src/world.ts';
import { openLedger, row, rowsOf, stage, type TestLedger } from '../ledger/ledger.ts';
import { openBatch, type TestBatch } from './batch.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const handedOver = (batch: TestBatch): PublishedBatch[] => [...batch.far.published.values()];

const codesOf = ({ customers }: PublishedBatch) =>
  customers.map(({ customerId, promoCodes }) => [customerId, ...promoCodes].join(' '));

const deadlineOf = async (batch: TestBatch): Promise<number> => {
  const found = await ledger.pool.query<{ at: number }>(
    'select round(extract(epoch from deadline) * 1000)::float8 as at from campaign where ref = $1',
    [batch.ref],
  );
  return found.rows[0]?.at ?? 0;
};

test('a batch tells its campaign, its deadline, its place, and each customer with all codes', async () => {
  const batch = await openBatch(ledger, [row('a', 'X', 'Y'), row('b', 'X')]);
  await stage(ledger.pool, batch.ref, [row('c', 'X')], { sweep: 2 });
  await cutAudience(ledger.pool, batch.ref);
  await batch.walk('screen', 'publish');
  expect(handedOver(batch)).toEqual([
    {
      ...{ campaignId: '4711', deadline: await deadlineOf(batch) },
      ...{ batchId: expect.stringMatching(/^[0-9a-f-]{36}$/), index: 1, count: 2 },
      customers: [
        { customerId: 'a', actionId: '2', promoCodes: ['X', 'Y'] },
        { customerId: 'b', actionId: '2', promoCodes: ['X'] },
      ],
    },
  ]);
});

test('only who passed the screen is handed over, and nobody of them is reported by us', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  batch.far.rules.deniedBy.set('c2', 'self_excluded');
  await batch.walk('screen', 'publish', 'report');
  expect(handedOver(batch).flatMap(codesOf)).toEqual(['c1 SPINS', 'c3 SPINS']);
  expect(await batch.states()).toEqual(['published', 'screened_out', 'published']);
  expect(batch.far.of('report')).toEqual([]);
});

test('a customer without a code is handed over, and waits for no award', async () => {
  const batch = await openBatch(ledger, [row('a', 'X'), row('b')]);
  await batch.walk('screen', 'publish', 'publish');
  expect(handedOver(batch).flatMap(codesOf)).toEqual(['a X', 'b']);
  expect((await batch.members()).map(({ state, clearance }) => [state, clearance])).toEqual([
    ['published', 'delegated'],
    ['cleared', 'delegated'],
  ]);
  expect(batch.far.of('publish')).toHaveLength(1);
});

test('a repeat after a lost answer is the same batch, whatever has changed meanwhile', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  await batch.walk('screen');
  batch.far.mishap('publish', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('publish')).rejects.toThrow('the answer was lost');
  await stage(ledger.pool, batch.ref, [row('new', 'X')], { sweep: 2 });
  await cutAudience(ledger.pool, batch.ref);
  await ledger.pool.query(
    "update campaign set deadline = deadline + interval '1 hour' where ref = $1",
    [batch.ref],
  );
  await batch.walk('publish');
  const [first, second, ...more] = batch.far.of('publish');
  expect([second?.hash, more.length]).toEqual([first?.hash, 0]);
  expect(second?.body).toEqual(first?.body);
  expect(handedOver(batch)).toHaveLength(1);
});

test('campaigns of one number of two tenants are batches of their own', async () => {
  const one = await openBatch(ledger, rowsOf(1));
  const other = await openBatch(ledger, rowsOf(1));
  await one.walk('screen', 'publish');
  await other.walk('screen', 'publish');
  const [id, another] = [one, other].map((batch) => handedOver(batch)[0]?.batchId);
  expect(id).not.toBe(another);
});

test('a 413 teaches the size, and no customer of several codes is split', async () => {
  const rows = Array.from({ length: 10 }, (_, index) => row(`c${index}`, 'X', 'Y'));
  const batch = await openBatch(ledger, rows);
  await batch.walk('screen');
  batch.far.rules.maxPerCall = 3;
  await batch.walk('publish');
  expect(await learnedSize(ledger.pool, batch.id.tenant, 'publisher')).toBe(2);
  const batches = handedOver(batch);
  expect(batches.flatMap(codesOf)).toEqual(rows.map(({ customerId }) => `${customerId} X Y`));
  expect(batches.every(({ customers }) => customers.length <= 3)).toBe(true);
  expect(new Set(batches.map(({ batchId }) => batchId)).size).toBe(batches.length);
});

test('a 400 is halved down to the customer it is about, who is refused with all codes', async () => {
  const rows = Array.from({ length: 200 }, (_, index) => row(`c${index}`, 'X', 'Y'));
  const batch = await openBatch(ledger, rows);
  await batch.walk('screen');
  batch.far.rules.poison.add('c77');
  await batch.walk('publish');
  const members = await batch.members();
  const refused = members.filter(({ state }) => state !== 'published');
  expect(refused.map(({ customerId, state }) => [customerId, state])).toEqual([
    ['c77', 'refused'],
    ['c77', 'refused'],
  ]);
  expect(refused.map(({ reason }) => reason)).toEqual(
    refused.map(() => 'publisher_refused: answered 400'),
  );
  expect(refused.every(({ clearance }) => clearance === 'none')).toBe(true);
  expect(batch.far.of('publish').length).toBeLessThanOrEqual(1 + 32);
  expect(handedOver(batch).flatMap(codesOf)).toHaveLength(199);
  for (const { body } of batch.far.of('publish')) {
    expect(body.customers.every(({ promoCodes }) => promoCodes.length === 2)).toBe(true);
  }
});

test('a refusal that is about the batch as a whole is not halved', async () => {
  const batch = await openBatch(ledger, rowsOf(8));
  await batch.walk('screen');
  const gone = new Fault('refused', 'answered 404', { status: 404 });
  batch.far.mishap('publish', { acts: false, fault: gone });
  await batch.walk('publish');
  expect(batch.far.of('publish')).toHaveLength(1);
  expect(await batch.states()).toEqual(Array.from({ length: 8 }, () => 'refused'));
});

test('a process that dies while it halves leaves nobody behind, and nobody twice', async () => {
  const batch = await openBatch(ledger, rowsOf(8));
  await batch.walk('screen');
  const bad = new Fault('refused', 'answered 400', { status: 400 });
  batch.far.mishap('publish', { acts: false, fault: bad });
  expect(await batch.die('publish', 'publish')).toBe('died');
  await batch.walk('publish');
  expect(await batch.states()).toEqual(Array.from({ length: 8 }, () => 'published'));
  expect(handedOver(batch).flatMap(codesOf).toSorted()).toEqual(
    rowsOf(8).map(({ customerId }) => `${customerId} SPINS`),
  );
});
