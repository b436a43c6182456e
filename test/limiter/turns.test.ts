import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTurns } from '../../src/limiter/turns.ts';
import type { Rank, RateLimit, Turns } from '../../src/world.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { type Grant, violations } from './reference.ts';
import { createVirtualTime } from './virtual-time.ts';

let database: TestDatabase;
let time: Awaited<ReturnType<typeof createVirtualTime>>;

beforeEach(async () => {
  database = await createDatabase();
  time = await createVirtualTime(database.url);
});

afterEach(async () => {
  await time.close();
  await database.drop();
});

const never = new AbortController().signal;
const bulk: Rank = { class: 'bulk', deadline: 1000, stage: 1 };
const interactive: Rank = { class: 'interactive', deadline: 1000, stage: 1 };

function limitOf(requests: number, perMs: number, spaced = false): RateLimit {
  return { bucket: randomUUID(), requests, perMs, spaced };
}

interface Sent extends Grant {
  name: string;
}

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A reading call: its turn, then the answer after `answerMs`. */
async function read(
  sent: Sent[],
  turns: Turns,
  limit: RateLimit,
  call: { rank: Rank; answerMs?: number; name?: string; signal?: AbortSignal },
): Promise<void> {
  const slot = await turns.turn(limit, call.rank, call.signal ?? never);
  const grant: Sent = { at: Date.now(), answered: undefined, name: call.name ?? call.rank.class };
  sent.push(grant);
  if (call.answerMs) await pass(call.answerMs);
  grant.answered = Date.now();
  await slot.answered();
}

/** A small generator of its own, so that a failing run is the same run again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

test.each([
  { processes: 1, spaced: false },
  { processes: 1, spaced: true },
  { processes: 3, spaced: false },
  { processes: 3, spaced: true },
])(
  'saturated work uses nearly the whole allowance and never more ($processes processes, spaced: $spaced)',
  async (given) => {
    const limit = limitOf(50, 10_000, given.spaced);
    const sent: Sent[] = [];
    for (let process = 0; process < given.processes; process += 1) {
      const turns = createTurns({ pool: time.pool });
      for (let call = 0; call < 330 / given.processes; call += 1) {
        void read(sent, turns, limit, { rank: call % 3 === 0 ? interactive : bulk });
      }
    }
    const opened = Date.now();
    await time.until(() => sent.length === 330, 75_000);
    const inFiftySeconds = sent.filter(
      (one) => one.at > opened + 10_000 && one.at <= opened + 60_000,
    );
    expect(inFiftySeconds.length).toBeGreaterThanOrEqual(0.93 * 250);
    expect(violations(sent, 50, 10_000)).toBe(0);
  },
);

test.each([1, 2, 3])(
  'random arrivals with slow answers from three processes never exceed the window (seed %i)',
  async (seed) => {
    const random = createRandom(seed);
    const limit = limitOf(10, 2000, seed === 2);
    const sent: Sent[] = [];
    const processes = [1, 2, 3].map(() => createTurns({ pool: time.pool }));
    for (let call = 0; call < 90; call += 1) {
      const turns = processes[call % 3] ?? createTurns({ pool: time.pool });
      const rank = random() < 0.3 ? interactive : bulk;
      const answerMs = Math.floor(random() * 900);
      void pass(random() * 12_000).then(() => read(sent, turns, limit, { rank, answerMs }));
    }
    await time.until(
      () => sent.length === 90 && sent.every((one) => one.answered !== undefined),
      40_000,
    );
    expect(violations(sent, 10, 2000)).toBe(0);
  },
);

test('a process with a full window makes a handful of statements a second', async () => {
  const limit = limitOf(1, 60_000);
  const sent: Sent[] = [];
  const turns = createTurns({ pool: time.pool });
  await read(sent, turns, limit, { rank: bulk });
  const before = time.statements();
  const opened = Date.now();
  for (let call = 0; call < 20; call += 1) {
    void read(sent, turns, limit, { rank: call < 10 ? interactive : bulk });
  }
  await time.until(() => Date.now() >= opened + 20_000, 21_000);
  expect(time.statements() - before).toBeLessThanOrEqual(20 * 5);
});

test('interactive goes before bulk, then the earlier deadline, then the later stage', async () => {
  const limit = limitOf(1, 100);
  const sent: Sent[] = [];
  const [one, other] = [createTurns({ pool: time.pool }), createTurns({ pool: time.pool })];
  await read(sent, one, limit, { rank: bulk, name: 'first' });
  const calls: [Turns, string, Rank][] = [
    [one, 'late', { class: 'bulk', deadline: Number.POSITIVE_INFINITY, stage: 5 }],
    [one, 'early stage', { class: 'bulk', deadline: 5, stage: 1 }],
    [other, 'last stage', { class: 'bulk', deadline: 5, stage: 2 }],
    [other, 'customer', { class: 'interactive', deadline: 9, stage: 0 }],
  ];
  for (const [turns, name, rank] of calls) void read(sent, turns, limit, { rank, name });
  await time.until(() => sent.length === 5, 10_000);
  const names = sent.map((one) => one.name);
  expect(names).toEqual(['first', 'customer', 'last stage', 'early stage', 'late']);
});

test('while both classes wait in a spaced bucket interactive takes four of five', async () => {
  const limit = limitOf(50, 10_000, true);
  const sent: Sent[] = [];
  const [one, other] = [createTurns({ pool: time.pool }), createTurns({ pool: time.pool })];
  for (let call = 0; call < 5; call += 1) await read(sent, one, limit, { rank: bulk });
  for (let call = 0; call < 40; call += 1) {
    void read(sent, one, limit, { rank: interactive });
    void read(sent, other, limit, { rank: bulk });
  }
  await time.until(() => sent.length === 35, 10_000);
  const classes = sent.slice(5).map((grant) => grant.name);
  expect(classes.filter((name) => name === 'bulk').length).toBe(6);
  for (let place = 0; place + 5 <= classes.length; place += 1) {
    expect(classes.slice(place, place + 5)).toContain('bulk');
  }
});

test('a pause of one process is kept by all', async () => {
  const limit = limitOf(50, 10_000);
  const sent: Sent[] = [];
  const [one, other] = [createTurns({ pool: time.pool }), createTurns({ pool: time.pool })];
  const slot = await one.turn(limit, bulk, never);
  await slot.pause(4000);
  const paused = Date.now();
  void read(sent, one, limit, { rank: interactive });
  void read(sent, other, limit, { rank: bulk });
  await time.until(() => sent.length === 2, 5000);
  expect(sent.map((grant) => grant.at - paused)).toEqual([4000, expect.any(Number)]);
  expect((sent[1]?.at ?? 0) - paused).toBeLessThan(4050);
});

test('a better one that comes is asked for at once, before the one that waits', async () => {
  const asked: string[] = [];
  const turns = createTurns({ pool: time.pool });
  const limit = limitOf(1, 1000);
  const wait = (name: string, deadline: number) =>
    turns.next(
      limit,
      { class: 'bulk', deadline, stage: 0 },
      async () => {
        asked.push(name);
        return { taken: false, retryInMs: 400 };
      },
      never,
    );
  void wait('late', 9);
  void wait('later', 10);
  await time.until(() => asked.length === 2, 1000);
  const before = Date.now();
  void wait('early', 1);
  await time.until(() => asked.length === 3, 0);
  expect(asked).toEqual(['late', 'late', 'early']);
  expect(Date.now()).toBe(before);
});

test('an aborted wait rejects with the reason and holds up nobody', async () => {
  const limit = limitOf(1, 700);
  const sent: Sent[] = [];
  const [one, other] = [createTurns({ pool: time.pool }), createTurns({ pool: time.pool })];
  await read(sent, one, limit, { rank: bulk });
  const opened = Date.now();
  const abort = new AbortController();
  const given = read(sent, one, limit, { rank: interactive, signal: abort.signal });
  const reason = given.catch((error: unknown) => error);
  await time.until(() => Date.now() >= opened + 500, 500);
  abort.abort('too late');
  await expect(reason).resolves.toBe('too late');
  await time.until(() => true, 0);
  const { rows } = await time.pool.query('select * from waiter');
  expect(rows).toEqual([]);
  void read(sent, other, limit, { rank: bulk });
  await time.until(() => sent.length === 2, 300);
  expect(Date.now() - opened).toBe(701);
});

test('who comes with an aborted signal is refused and takes nothing', async () => {
  const turns = createTurns({ pool: time.pool });
  const limit = limitOf(1, 100);
  await expect(turns.turn(limit, bulk, AbortSignal.abort('gone'))).rejects.toBe('gone');
  const { rows } = await time.pool.query('select * from slot');
  expect(rows).toEqual([]);
});

test('what was taken while the abort came is handed over, so that it is not lost', async () => {
  const abort = new AbortController();
  const turns = createTurns({ pool: time.pool });
  const taken = turns.next(
    limitOf(1, 100),
    bulk,
    async () => {
      abort.abort();
      return { taken: true, value: 'begun' };
    },
    abort.signal,
  );
  await expect(taken).resolves.toBe('begun');
});

test('an abort during an attempt that takes nothing rejects without another attempt', async () => {
  const abort = new AbortController();
  const turns = createTurns({ pool: time.pool });
  let attempts = 0;
  const given = turns.next(
    limitOf(1, 100),
    bulk,
    async () => {
      attempts += 1;
      abort.abort('too late');
      return { taken: false, retryInMs: 10 };
    },
    abort.signal,
  );
  const reason = given.catch((error: unknown) => error);
  await time.until(() => attempts > 0, 100);
  await expect(reason).resolves.toBe('too late');
  expect(attempts).toBe(1);
});

test('an attempt that throws fails its own caller only', async () => {
  const turns = createTurns({ pool: time.pool });
  const limit = limitOf(1, 100);
  const failed = turns.next(limit, bulk, () => Promise.reject(new Error('ledger away')), never);
  const other = turns.next(limit, bulk, async () => ({ taken: true, value: 1 }), never);
  await expect(failed).rejects.toThrow('ledger away');
  await expect(other).resolves.toBe(1);
});

test('without a limit everybody goes at once, and again when told to come back', async () => {
  const turns = createTurns({ pool: time.pool });
  const opened = Date.now();
  let attempts = 0;
  const done: number[] = [];
  const blocked = () => new Promise<never>(() => {});
  void turns.next(undefined, bulk, blocked, never);
  const given = turns.next(
    undefined,
    bulk,
    async (slot) => {
      attempts += 1;
      return attempts === 3 ? { taken: true, value: slot } : { taken: false, retryInMs: 200 };
    },
    never,
  );
  void given.then(() => done.push(Date.now() - opened));
  await time.until(() => done.length === 1, 1000);
  expect(done).toEqual([400]);
  await expect(given).resolves.toBeUndefined();
});
