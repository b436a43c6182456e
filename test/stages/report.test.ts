import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import type { StatusReport } from '../../src/world.ts';
import { openLedger, row, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch, type TestBatch } from './batch.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const given = ['screen', 'validate', 'allocate'] as const;

function reportsOf(batch: TestBatch): StatusReport[] {
  return batch.far.sent.flatMap((one) => (one.kind === 'report' ? [one.body] : []));
}

async function clearancesOf(batch: TestBatch): Promise<string[]> {
  return (await batch.members()).map(({ clearance }) => clearance);
}

test('who is denied is told in the same call as who is approved', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  batch.far.rules.declined.add('c1');
  await batch.walk(...given, 'report');
  expect(reportsOf(batch)).toMatchObject([
    {
      campaignId: '4711',
      customers: [
        { customerId: 'c1', approved: false },
        { customerId: 'c2', approved: true },
        { customerId: 'c3', approved: true },
      ],
    },
  ]);
  expect(await clearancesOf(batch)).toEqual(['denied', 'approved', 'approved']);
});

test('a report of falses alone costs no call', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  batch.far.rules.ineligible.add('c1').add('c2');
  await batch.walk(...given, 'report');
  expect(reportsOf(batch)).toEqual([]);
});

test('a customer without a code is approved for passing the screen', async () => {
  const batch = await openBatch(ledger, [row('a'), row('b')]);
  batch.far.rules.deniedBy.set('b', 'self_excluded');
  await batch.walk(...given, 'report');
  expect([...batch.far.cleared]).toEqual([
    ['a', true],
    ['b', false],
  ]);
  expect(batch.far.of('validate')).toEqual([]);
  expect(batch.far.of('allocate')).toEqual([]);
});

test.each([
  {
    codes: 'all' as const,
    told: [
      ['both', true],
      ['half', false],
    ],
  },
  {
    codes: 'any' as const,
    told: [
      ['both', true],
      ['half', true],
    ],
  },
])('a customer of several codes is told once, by the rule "$codes"', async ({ codes, told }) => {
  const batch = await openBatch(ledger, [row('both', 'X', 'Y'), row('half', 'X', 'LOST')], {
    plan: { codes },
  });
  batch.far.rules.unknownCodes.add('LOST');
  await batch.walk(...given, 'report');
  expect([...batch.far.cleared]).toEqual(told);
  expect(reportsOf(batch)[0]?.customers).toHaveLength(2);
});

test('nobody is told of what a later stage may still change', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk('screen', 'validate');
  await batch.happen([{ position: 1, state: 'allocated' }]);
  await batch.walk('report');
  expect([...batch.far.cleared]).toEqual([['c1', true]]);
});

test('a lost report is repeated to the letter, in the order and with the instant of the first', async () => {
  const batch = await openBatch(ledger, rowsOf(4));
  // A false that stands before a true: the order in which they were judged is not the batch's.
  batch.far.rules.declined.add('c1').add('c3');
  await batch.walk(...given);
  batch.far.mishap(
    'report',
    { acts: true, fault: lostAnswer() },
    { acts: true, fault: lostAnswer() },
  );
  await expect(batch.attempt('report')).rejects.toThrow();
  expect(await clearancesOf(batch)).toEqual(['none', 'unknown', 'none', 'unknown']);
  await batch.walk('report');
  const [first, ...again] = reportsOf(batch);
  expect(again).toEqual([first, first]);
  expect(await clearancesOf(batch)).toEqual(['denied', 'approved', 'denied', 'approved']);
});

test('a lost report is repeated after the stop, until the last report', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given);
  await batch.die('report', 'report');
  await ledger.pool.query('update campaign set stop = clock_timestamp() where ref = $1', [
    batch.ref,
  ]);
  expect(await batch.walk('report')).toEqual({});
  expect(await clearancesOf(batch)).toEqual(['approved', 'approved']);
  expect(reportsOf(batch)).toHaveLength(2);
});

test('after the last report a lost one stays open and unknown', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk(...given);
  batch.far.mishap('report', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('report')).rejects.toThrow();
  await ledger.pool.query(
    'update campaign set stop = clock_timestamp(), last_report = clock_timestamp() where ref = $1',
    [batch.ref],
  );
  expect(await batch.walk('report')).toEqual({ stopped: 'late' });
  expect(await clearancesOf(batch)).toEqual(['unknown']);
  expect((await batch.effects()).at(-1)?.outcome).toBeNull();
});

test('a report of a member whose earlier report is open waits until that is answered', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  batch.far.rules.declined.add('c1');
  await batch.walk(...given);
  batch.far.mishap('report', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('report')).rejects.toThrow();
  await batch.walk('report');
  const instants = reportsOf(batch).map(({ at }) => at);
  expect(new Set(instants).size).toBe(1);
});

test('a report that Optimove refused is made again by the next pass', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk(...given);
  const bad = new Fault('refused', 'answered 400', { status: 400 });
  batch.far.mishap('report', { acts: false, fault: bad });
  await expect(batch.attempt('report')).rejects.toThrow('answered 400');
  expect(await clearancesOf(batch)).toEqual(['none']);
  await batch.walk('report');
  expect(await clearancesOf(batch)).toEqual(['approved']);
});

test('a report lost in an earlier epoch is repeated under its own key', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk(...given);
  batch.far.mishap('report', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('report')).rejects.toThrow();
  await ledger.pool.query('update campaign set epoch = epoch + 1 where ref = $1', [batch.ref]);
  await batch.walk('report');
  expect(reportsOf(batch)).toHaveLength(2);
  expect((await batch.effects()).filter(({ kind }) => kind === 'approve')).toEqual([
    { kind: 'approve', outcome: 'done', attempts: 2 },
  ]);
});

test('a report that is too late does not keep a lost redemption from being told', async () => {
  const batch = await openBatch(ledger, [row('a', 'X'), row('b', 'Y')]);
  batch.far.rules.declined.add('b');
  await batch.walk(...given, 'report', 'redeem');
  await batch.die('redeem', 'tell');
  await ledger.pool.query(
    `update effect set outcome = null, answered = null where campaign = $1 and kind = 'approve'`,
    [batch.ref],
  );
  await ledger.pool.query(
    'update campaign set stop = clock_timestamp(), last_report = clock_timestamp() where ref = $1',
    [batch.ref],
  );
  await batch.settle();
  const open = (await batch.effects()).filter(({ outcome }) => outcome === null);
  expect(open.map(({ kind }) => kind)).toEqual(['approve']);
});
