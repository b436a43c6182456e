import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../src/ledger/pool.ts';
import { answerSlot, pauseBucket, takeSlot } from '../../src/limiter/window.ts';
import type { SlotRequest } from '../../src/world.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { createClock } from './clock.ts';
import { createReference, type Grant, violations } from './reference.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
let setClock: (ms: number) => Promise<void>;
const start = Date.UTC(2030, 0, 1);

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 1);
  setClock = await createClock(pool, start);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

const processes = [randomUUID(), randomUUID(), randomUUID()] as const;

/** A bucket of the test's own, and how somebody asks for one of its slots. */
function createBucket(limit: { requests: number; windowMs: number; spaced: boolean }) {
  const bucket = randomUUID();
  const request = (asker: Partial<SlotRequest> = {}): SlotRequest => ({
    ...{ bucket, ...limit, process: processes[0], class: 'bulk', deadline: start, stage: 0 },
    ...asker,
  });
  const ask = async (now: number, asker?: Partial<SlotRequest>) => {
    await setClock(start + now);
    return takeSlot(pool, request(asker));
  };
  return { bucket, request, ask };
}

const step = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      process: fc.constantFrom(...processes),
      class: fc.constantFrom('interactive' as const, 'bulk' as const),
      deadline: fc.constantFrom(start, start + 1000, Number.POSITIVE_INFINITY),
      stage: fc.integer({ min: 0, max: 2 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 400 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), back: fc.nat({ max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pause' as const),
      ms: fc.integer({ min: 1, max: 900 }),
    }),
  },
);

test.each([
  { requests: 8, windowMs: 800, spaced: false },
  { requests: 8, windowMs: 800, spaced: true },
])('grants what the reference grants, and never more than the window takes: %o', async (limit) => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 60, maxLength: 90, size: 'max' }),
    async (steps) => {
      const { bucket, ask } = createBucket(limit);
      const reference = createReference(limit);
      const slots: { id: string; grant: Grant | undefined }[] = [];
      let now = 0;
      for (const one of steps) {
        if (one.kind === 'pass') now += one.ms;
        if (one.kind === 'ask') {
          const { kind, ...asker } = one;
          const outcome = await ask(now, asker);
          const wanted = { ...asker, ...limit, bucket };
          expect(outcome.taken).toBe(reference.ask(now, wanted));
          if (outcome.taken) slots.push({ id: outcome.value, grant: reference.grants.at(-1) });
          else expect(outcome.retryInMs).toBeGreaterThan(0);
        }
        if (one.kind === 'pause') {
          await setClock(start + now);
          await pauseBucket(pool, bucket, one.ms);
          reference.pause(now, one.ms);
        }
        const answered = one.kind === 'answer' ? slots.at(-1 - one.back) : undefined;
        if (answered?.grant !== undefined) {
          await setClock(start + now);
          await answerSlot(pool, answered.id);
          answered.grant.answered ??= now;
        }
      }
      expect(violations(reference.grants, limit.requests, limit.windowMs)).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('a slot is free one window after its answer, or after the last instant it could have arrived', async () => {
  const { ask } = createBucket({ requests: 1, windowMs: 1000, spaced: false });
  const first = await ask(0);
  if (!first.taken) throw new Error('the first of an empty bucket must be granted');
  await setClock(start + 200);
  await answerSlot(pool, first.value);
  expect((await ask(1200)).taken).toBe(false);
  expect((await ask(1201)).taken).toBe(true);
  expect((await ask(2701)).taken).toBe(false);
  expect((await ask(2702)).taken).toBe(true);
});

test('says the instant the slot comes, but never more than half a second', async () => {
  const { ask } = createBucket({ requests: 1, windowMs: 1000, spaced: false });
  await ask(0);
  expect(await ask(100)).toEqual({ taken: false, retryInMs: 500 });
  expect(await ask(1400)).toEqual({ taken: false, retryInMs: 101 });
  expect((await ask(1501)).taken).toBe(true);
});

test('the second in line is told to come for the second slot', async () => {
  const { ask } = createBucket({ requests: 2, windowMs: 1000, spaced: false });
  await ask(0);
  await ask(100);
  expect(await ask(1300, { process: processes[1], class: 'interactive' })).toEqual({
    ...{ taken: false, retryInMs: 201 },
  });
  expect(await ask(1300)).toEqual({ taken: false, retryInMs: 301 });
});

test('a better waiter of a dead process is let go first for one second only', async () => {
  const { ask } = createBucket({ requests: 2, windowMs: 100, spaced: false });
  await ask(0);
  await ask(0);
  expect((await ask(500, { process: processes[1], class: 'interactive' })).taken).toBe(false);
  let now = 700;
  let attempts = 0;
  for (let outcome = await ask(now); !outcome.taken; outcome = await ask(now)) {
    now += outcome.retryInMs;
    attempts += 1;
  }
  expect(now).toBeGreaterThanOrEqual(1500);
  expect(now).toBeLessThan(2000);
  expect(attempts).toBeLessThan(10);
});

test('nobody is granted a slot during a pause, in whatever class, and a shorter one does not end it', async () => {
  const { bucket, ask } = createBucket({ requests: 5, windowMs: 1000, spaced: false });
  await setClock(start);
  await pauseBucket(pool, bucket, 3000);
  await pauseBucket(pool, bucket, 10);
  expect((await ask(2999)).taken).toBe(false);
  expect((await ask(2999, { class: 'interactive', process: processes[1] })).taken).toBe(false);
  expect((await ask(3000, { class: 'interactive', process: processes[1] })).taken).toBe(true);
});

test('a spaced bucket grants a burst of five, then spreads the rest over the window', async () => {
  const { ask } = createBucket({ requests: 10, windowMs: 1000, spaced: true });
  for (let place = 0; place < 5; place += 1) expect((await ask(0)).taken).toBe(true);
  // Five are left, and the first of those that nobody has answered comes back after 1500 ms.
  expect(await ask(0)).toEqual({ taken: false, retryInMs: 300 });
  expect((await ask(299)).taken).toBe(false);
  expect((await ask(300)).taken).toBe(true);
  expect((await ask(599)).taken).toBe(false);
});

test('a spaced bucket that is asked all the time makes nobody wait for the end of its window', async () => {
  const { ask } = createBucket({ requests: 50, windowMs: 10_000, spaced: true });
  const grants: number[] = [];
  // A first rush, a break, and work without end.
  for (let now = 0; now <= 60_000; now = now > 2_000 && now < 6_000 ? 6_000 : now) {
    const outcome = await ask(now);
    if (outcome.taken) {
      grants.push(now);
      await answerSlot(pool, outcome.value);
    } else now += Math.ceil(outcome.retryInMs);
  }
  const working = grants.filter((at) => at >= 6_000);
  const gaps = working.slice(1).map((at, place) => at - (working[place] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(240);
  expect(working.length).toBeGreaterThanOrEqual(0.95 * 270);
});

test('a transaction that is answering a slot makes nobody wait', async () => {
  const { bucket, request } = createBucket({ requests: 1, windowMs: 100, spaced: false });
  await setClock(start);
  const other = createPool(database.url, 1);
  const connection = await other.connect();
  try {
    const granted = await takeSlot(pool, request());
    await connection.query('begin');
    await connection.query('select answer_slot($1)', [granted.taken ? granted.value : 0]);
    await setClock(start + 700);
    await pool.query("set lock_timeout = '1s'");
    expect((await takeSlot(pool, request())).taken).toBe(true);
    await connection.query('commit');
    await setClock(start + 1400);
    await takeSlot(pool, request());
    const { rows } = await pool.query('select id from slot where bucket = $1', [bucket]);
    expect(rows).toHaveLength(1);
  } finally {
    connection.release();
    await other.end();
  }
});
