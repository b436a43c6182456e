import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { answersStatement } from '../../src/ledger/told.ts';
import type { Doors } from '../gateway/doors.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openGate, type TestGate } from './gate.ts';
import { openMuteLedger } from './mute-ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Mute = Awaited<ReturnType<typeof openMuteLedger>>;

/** A gate with a second gateway, which is told nothing any more once it has written its true for ann. */
async function gateWithDoubt(budgetMs: number): Promise<[TestGate, Doors, Mute]> {
  const gate = await openGate(ledger, { triggered: { budgetMs } });
  const mute = await openMuteLedger(ledger.url);
  closing.push(
    () => mute.close(),
    () => gate.close(),
    async () => mute.letThrough(),
  );
  const doubting = await gate.open(mute.url);
  gate.far.mishap('allocate', { acts: true, meanwhile: async () => mute.muteAfterCommit() });
  return [gate, doubting, mute];
}

const answerOf = async (gate: TestGate) => (await gate.answers())[0]?.answer;

/** Whether any gateway has looked for the answer of a trigger that is not its own. */
async function looksForAnswers(): Promise<boolean> {
  const found = await ledger.pool.query(
    'select from pg_stat_activity where datname = current_database() and query = $1',
    [answersStatement],
  );
  return found.rowCount !== 0;
}

test('a true that its gateway told false of is told by no other', async () => {
  const [gate, doubting, mute] = await gateWithDoubt(800);
  expect((await gate.ask('ann', doubting)).allowed).toBe(false);
  expect(await answerOf(gate)).toBe(true);
  let isAnswered = false;
  const repeat = gate.ask('ann').finally(() => {
    isAnswered = true;
  });
  // Whoever told what stands in the ledger now would tell it at once.
  await expect.poll(async () => isAnswered || (await looksForAnswers())).toBe(true);
  mute.letThrough();
  expect((await repeat).allowed).toBe(false);
  await expect.poll(gate.held).toEqual([]);
  expect(await gate.answers()).toMatchObject([{ answer: false, reason: 'ledger_away' }]);
  expect((await gate.ask('ann')).allowed).toBe(false);
});

test('a false that was told in doubt is written together with what takes its gift back', async () => {
  const [gate, doubting, mute] = await gateWithDoubt(400);
  expect((await gate.ask('ann', doubting)).allowed).toBe(false);
  const other = await ledger.pool.connect();
  await other.query('begin');
  await other.query(
    `select from batch b join campaign c on c.ref = b.campaign where c.id = $1 for update of b`,
    [gate.campaignId],
  );
  mute.letThrough();
  await expect
    .poll(async () => {
      const waiting = await ledger.pool.query(
        `select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like '%batch%'`,
      );
      return waiting.rowCount;
    })
    .not.toBe(0);
  // A gateway that died here would leave a reward that nobody takes back.
  expect(await answerOf(gate)).toBe(true);
  await other.query('commit');
  other.release();
  await expect.poll(gate.held).toEqual([]);
  expect(await answerOf(gate)).toBe(false);
});

test('a true that was told elsewhere stands, also where its own gateway had to tell false', async () => {
  const [gate, doubting, mute] = await gateWithDoubt(400);
  expect((await gate.ask('ann', doubting)).allowed).toBe(false);
  expect((await gate.ask('ann')).allowed).toBe(true);
  mute.letThrough();
  await expect
    .poll(() => doubting.lines.some(({ message }) => message.startsWith('one was told false')))
    .toBe(true);
  expect(await answerOf(gate)).toBe(true);
  expect(gate.held()).toEqual([gate.key('ann')]);
  expect((await gate.ask('ann', doubting)).allowed).toBe(true);
});

test('a false that was told is written, also where another gateway takes the check in just then', async () => {
  const gate = await openGate(ledger, { triggered: { budgetMs: 400 } });
  closing.push(() => gate.close());
  await gate.ask({ user: 'first', codes: null });
  const other = await ledger.pool.connect();
  await other.query('begin');
  await other.query(
    `insert into answer (campaign, customer, instance, due)
     values ($1, md5('ann')::uuid, 0, clock_timestamp() + interval '1 minute')`,
    [(await gate.campaign())?.ref],
  );
  expect((await gate.ask('ann')).allowed).toBe(false);
  // The check itself, and the false that was told, are both being taken in.
  await expect
    .poll(async () => {
      const waiting = await ledger.pool.query(
        `select from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like '%with asked as (%'`,
      );
      return waiting.rowCount;
    })
    .toBe(2);
  await other.query('commit');
  other.release();
  await expect
    .poll(async () => (await gate.answers()).map(({ reason }) => reason))
    .toEqual(['passed', 'late']);
});

test('a true is marked as told, and a repeat elsewhere then hears it without waiting', async () => {
  const gate = await openGate(ledger);
  closing.push(() => gate.close());
  const second = await gate.open();
  expect((await gate.ask('ann')).allowed).toBe(true);
  await expect
    .poll(async () => {
      const told = await ledger.pool.query(
        'select from answer a join campaign c on c.ref = a.campaign where c.id = $1 and a.told',
        [gate.campaignId],
      );
      return told.rowCount;
    })
    .toBe(1);
  await gate.first.close();
  expect((await gate.ask('ann', second)).allowed).toBe(true);
});
