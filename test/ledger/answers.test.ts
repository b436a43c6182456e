import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Arrival, answerTriggers, type Finding, takeIn } from '../../src/ledger/answers.ts';
import { answerOverdue } from '../../src/ledger/overdue.ts';
import { announce, fenceCampaign } from '../../src/ledger/standing.ts';
import { suppress } from '../../src/ledger/suppressions.ts';
import { answersOf, markTold } from '../../src/ledger/told.ts';
import { openTriggered } from '../../src/ledger/triggered.ts';
import { openLedger, plan, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(20);
});
afterAll(() => ledger.close());

async function triggered() {
  const id = { tenant: `t-${randomUUID()}`, campaignId: '88' };
  const { row } = await openTriggered(ledger.pool, id, plan, ['SPINS']);
  const arrival = (customerId: string, given: Partial<Arrival> = {}): Arrival => ({
    ...{ campaign: row.ref, customerId, leftMs: 60_000, windowMs: 600_000, isOnce: false },
    ...given,
  });
  const finding = (customerId: string, given: Partial<Finding> = {}): Finding => ({
    ...{ campaign: row.ref, customerId, instance: 0, allowed: true, reason: 'given' },
    ...given,
  });
  return { id, ref: row.ref, arrival, finding };
}

test('a campaign is made once, however many checks come first, and keeps each code in its place', async () => {
  const id = { tenant: `t-${randomUUID()}`, campaignId: '88' };
  const made = await Promise.all(
    ['A', 'B', 'C', 'A', 'B', 'C'].map((code) => openTriggered(ledger.pool, id, plan, [code])),
  );
  expect(new Set(made.map(({ row }) => row.ref)).size).toBe(1);
  const last = await openTriggered(ledger.pool, id, plan, ['A', 'B', 'C']);
  expect([...last.codes.keys()].sort()).toEqual(['A', 'B', 'C']);
  for (const { codes } of made) {
    for (const [code, place] of codes) expect(last.codes.get(code)).toBe(place);
  }
});

test('event 5 of a campaign that checks were asked of gives it no deadline', async () => {
  const { id } = await triggered();
  const announced = { announcedAt: 1, durationDays: 1, problem: undefined };
  const instants = { deadline: 3, stop: 1, lastReport: 2 };
  expect(await announce(ledger.pool, id, { ...announced, instants })).toBe('unusable');
});

test('checks of one customer at once are one instance, written by one of them', async () => {
  const { arrival } = await triggered();
  const customers = Array.from({ length: 40 }, (_, index) => `c${index}`);
  const rounds = await Promise.all(
    [customers, [...customers].reverse(), customers].map((some) =>
      takeIn(
        ledger.pool,
        some.map((one) => arrival(one)),
      ),
    ),
  );
  const fresh = rounds.flat().filter((known) => known?.isFresh);
  expect(fresh).toHaveLength(40);
  const again = await takeIn(
    ledger.pool,
    customers.map((one) => arrival(one)),
  );
  expect(again.every((known) => known?.instance === 0 && !known.isFresh)).toBe(true);
});

test('a trigger after the window is the next instance, unless the first decides for all', async () => {
  const { arrival, finding } = await triggered();
  await takeIn(ledger.pool, [arrival('ann')]);
  const [inside] = await takeIn(ledger.pool, [arrival('ann')]);
  const [later] = await takeIn(ledger.pool, [arrival('ann', { windowMs: 0 })]);
  await answerTriggers(ledger.pool, [finding('ann', { instance: 1 })]);
  const [ever] = await takeIn(ledger.pool, [arrival('ann', { windowMs: 0, isOnce: true })]);
  expect([inside, later, ever].map((known) => [known?.instance, known?.isFresh])).toEqual([
    [0, false],
    [1, true],
    [1, false],
  ]);
});

test.each([
  ['refused: not_eligible', false],
  ['declined', false],
  ['screened_out: self_excluded', false],
  ['suppressed', false],
  ['late', true],
  ['shed', true],
  ['failed: publisher', true],
  ['ledger_away', true],
  ['held', true],
  ['halted', true],
])('a false for the reason %s leaves the customer a later chance: %s', async (reason, isLeft) => {
  const { arrival, finding } = await triggered();
  const [inside, after] = [600_000, 0].map((windowMs) => ({ windowMs, isOnce: true }));
  await takeIn(ledger.pool, [arrival('ann', inside)]);
  await answerTriggers(ledger.pool, [finding('ann', { allowed: false, reason })]);
  expect(await takeIn(ledger.pool, [arrival('ann', inside)])).toMatchObject([
    { instance: 0, isFresh: false, answer: false },
  ]);
  expect(await takeIn(ledger.pool, [arrival('ann', after)])).toMatchObject([
    { instance: isLeft ? 1 : 0, isFresh: isLeft },
  ]);
});

test('nothing begins for whom a fence or a suppression stands against', async () => {
  const { id, arrival } = await triggered();
  const acting = { by: 'ops', reason: 'asked to', request: randomUUID() };
  await suppress(ledger.pool, id.tenant, ['bob'], acting);
  const [ann, bob] = await takeIn(ledger.pool, [arrival('ann'), arrival('bob')]);
  expect(ann?.answer).toBeUndefined();
  expect(bob).toMatchObject({ answer: false, reason: 'suppressed', isFresh: true });
  await fenceCampaign(ledger.pool, id, 'deleted');
  const [cyd] = await takeIn(ledger.pool, [arrival('cyd')]);
  expect(cyd).toMatchObject({ answer: false, reason: 'fenced' });
});

test('a trigger has one answer, whoever races for it, and all hear the same', async () => {
  const { arrival, finding } = await triggered();
  const customers = Array.from({ length: 400 }, (_, index) => `c${index}`);
  await takeIn(
    ledger.pool,
    customers.map((one) => arrival(one)),
  );
  const inOrder = (allowed: boolean, some: string[]) => async () => {
    const heard = new Map<string, boolean>();
    for (let from = 0; from < some.length; from += 7) {
      const piece = some.slice(from, from + 7);
      const told = await answerTriggers(
        ledger.pool,
        piece.map((one) => finding(one, { allowed, reason: allowed ? 'given' : 'late' })),
      );
      for (const [index, one] of piece.entries()) heard.set(one, told[index]?.allowed ?? false);
    }
    return heard;
  };
  const reversed = [...customers].reverse();
  const heard = await Promise.all([
    inOrder(true, customers)(),
    inOrder(false, reversed)(),
    inOrder(false, customers.slice(200).concat(customers.slice(0, 200)))(),
  ]);
  const answers = await markTold(
    ledger.pool,
    customers.map((one) => finding(one)),
  );
  for (const [index, one] of customers.entries()) {
    expect(heard.map((each) => each.get(one))).toEqual(heard.map(() => answers[index]?.allowed));
  }
  expect(new Set(answers.map((answer) => answer?.allowed))).toEqual(new Set([true, false]));
});

test('from its due on an answer can only become false', async () => {
  const { arrival, finding } = await triggered();
  await takeIn(ledger.pool, [arrival('ann', { leftMs: 0 }), arrival('bob')]);
  const told = await answerTriggers(ledger.pool, [finding('ann'), finding('bob')]);
  expect(told).toEqual([
    { allowed: false, reason: 'late' },
    { allowed: true, reason: 'given' },
  ]);
  expect(await answerTriggers(ledger.pool, [finding('bob', { allowed: false })])).toEqual([
    { allowed: true, reason: 'given' },
  ]);
});

test('a false that was told without the ledger stands over a true that nobody was told', async () => {
  const { arrival, finding } = await triggered();
  await takeIn(ledger.pool, [arrival('ann')]);
  await answerTriggers(ledger.pool, [finding('ann')]);
  const told = finding('ann', { allowed: false, reason: 'ledger_away', isTold: true });
  expect(await answerTriggers(ledger.pool, [told])).toEqual([
    { allowed: false, reason: 'ledger_away' },
  ]);
});

test('no true is written after a fence, or for whom was suppressed meanwhile', async () => {
  const { id, arrival, finding } = await triggered();
  await takeIn(ledger.pool, [arrival('ann'), arrival('bob')]);
  const acting = { by: 'ops', reason: 'asked to', request: randomUUID() };
  await suppress(ledger.pool, id.tenant, ['bob'], acting);
  expect(await answerTriggers(ledger.pool, [finding('bob')])).toEqual([
    { allowed: false, reason: 'suppressed' },
  ]);
  await fenceCampaign(ledger.pool, id, 'deleted');
  expect(await answerTriggers(ledger.pool, [finding('ann')])).toEqual([
    { allowed: false, reason: 'fenced' },
  ]);
});

test('what nobody answered in its time is written false, and no more than that', async () => {
  const { id, arrival, finding } = await triggered();
  await takeIn(ledger.pool, [arrival('late', { leftMs: 0 }), arrival('open'), arrival('true')]);
  await answerTriggers(ledger.pool, [finding('true')]);
  expect(await answerOverdue(ledger.pool, id.tenant, 10)).toBe(1);
  await markTold(ledger.pool, [finding('true')]);
  expect(await answersOf(ledger.pool, [finding('late'), finding('open'), finding('true')])).toEqual(
    [{ allowed: false, reason: 'late' }, undefined, { allowed: true, reason: 'given' }],
  );
});

test('a true is heard elsewhere once it is marked as told, and then stands for good', async () => {
  const { arrival, finding } = await triggered();
  const ann = finding('ann');
  await takeIn(ledger.pool, [arrival('ann')]);
  await answerTriggers(ledger.pool, [ann]);
  expect(await answersOf(ledger.pool, [ann])).toEqual([undefined]);
  expect((await takeIn(ledger.pool, [arrival('ann')]))[0]?.answer).toBeUndefined();
  const stands = { allowed: true, reason: 'given' };
  expect(await markTold(ledger.pool, [ann])).toEqual([stands]);
  expect(await markTold(ledger.pool, [ann, finding('bob')])).toEqual([stands, undefined]);
  expect(await answersOf(ledger.pool, [ann])).toEqual([stands]);
  const told = finding('ann', { allowed: false, reason: 'ledger_away', isTold: true });
  expect(await answerTriggers(ledger.pool, [told])).toEqual([stands]);
});
