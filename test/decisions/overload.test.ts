import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { createTurns } from '../../src/limiter/turns.ts';
import type { Platform, World } from '../../src/world.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { type Options, openGate, type TestGate } from './gate.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGate[] = [];
afterEach(async () => {
  for (const gate of opened.splice(0)) await gate.close();
});

async function gateOf(options: Options = {}): Promise<TestGate> {
  const gate = await openGate(ledger, options);
  opened.push(gate);
  return gate;
}

test('with a ledger that is away every check is false within the budget', async () => {
  const gate = await gateOf({ triggered: { budgetMs: 500 } });
  const doors = await gate.open('postgres://nobody@127.0.0.1:9/nothing');
  const startedAt = performance.now();
  expect(await gate.askAll(['a', 'b', 'c'], doors)).toEqual([false, false, false]);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(gate.far.sent).toEqual([]);
});

test('what was told false while the ledger was away stays false when it is back', async () => {
  const database = await createDatabase();
  const gate = await gateOf({ triggered: { budgetMs: 500 } });
  const doors = await gate.open(database.url);
  expect((await gate.ask('before', doors)).allowed).toBe(true);
  await letIn(database, false);
  expect(await gate.askAll(['ann', 'bob'], doors)).toEqual([false, false]);
  await letIn(database, true);
  // Its repeats are known here before the ledger has heard of them.
  expect(await gate.askAll(['ann', 'bob'], doors)).toEqual([false, false]);
  await expect
    .poll(async () => (await gate.ask(`later${performance.now()}`, doors)).allowed, {
      timeout: 5_000,
    })
    .toBe(true);
  const other = await gate.open(database.url);
  await expect
    .poll(() => told(database, ['ann', 'bob']), { timeout: 5_000 })
    .toEqual([false, false]);
  expect(await gate.askAll(['ann', 'bob', 'before'], other)).toEqual([false, false, true]);
  expect(await gate.askAll(['ann', 'bob', 'before'], doors)).toEqual([false, false, true]);
  expect(gate.held().filter((key) => /ann|bob/.test(key))).toEqual([]);
  await gate.close();
  opened.splice(0);
  await database.drop();
});

/** Shuts the database to everybody, or opens it again. */
async function letIn(database: TestDatabase, isOpen: boolean): Promise<void> {
  const name = new URL(database.url).pathname.slice(1);
  const client = new pg.Client(inject('postgresUrl'));
  await client.connect();
  await client.query(`alter database ${name} with allow_connections ${isOpen}`);
  if (!isOpen) {
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
      [name],
    );
  }
  await client.end();
}

async function told(database: TestDatabase, users: readonly string[]) {
  const client = new pg.Client(database.url);
  await client.connect();
  const found = await client.query<{ answer: boolean | null }>(
    'select answer from answer where customer = any (select md5(u)::uuid from unnest($1::text[]) u)',
    [users],
  );
  await client.end();
  return found.rows.map(({ answer }) => answer);
}

test('with a limit, checks gather for the next turn, and nothing is sent beyond it', async () => {
  const gate = await gateOf();
  gate.far.rules.limit = { bucket: gate.tenant, requests: 10, perMs: 1_000, spaced: true };
  const users = Array.from({ length: 300 }, (_, index) => `c${index}`);
  expect(new Set(await gate.askAll(users))).toEqual(new Set([true]));
  expect(gate.held()).toHaveLength(300);
  const slots = await ledger.pool.query<{ most: number }>(
    `select max(n)::int as most from (select count(*) over (order by granted
       range between interval '1 s' preceding and current row) n from slot where bucket = $1) s`,
    [gate.tenant],
  );
  expect(slots.rows[0]?.most).toBeLessThanOrEqual(10);
});

/** A platform takes what comes; Promotions counts. */
function platformUnlimited(world: World): World {
  const { platform } = world;
  const allocate: Platform['allocate'] = (order) => ({
    ...platform.allocate(order),
    limit: undefined,
  });
  return { ...world, platform: { ...platform, allocate } };
}

test('campaigns under one limit take turns, and those that cannot be served in time are shed', async () => {
  const gate = await gateOf({ triggered: { budgetMs: 1_000 }, world: platformUnlimited });
  gate.far.rules.limit = { bucket: gate.tenant, requests: 4, perMs: 2_000, spaced: true };
  const codes = Array.from({ length: 12 }, (_, index) => `CODE${index}`);
  const answers = await Promise.all(
    codes.map(async (code) => (await gate.ask({ user: `of-${code}`, codes: [code] })).allowed),
  );
  expect(answers.some((allowed) => allowed)).toBe(true);
  expect(answers.some((allowed) => !allowed)).toBe(true);
  await expect
    .poll(async () => (await gate.answers()).filter(({ answer }) => answer === null))
    .toEqual([]);
  const reasons = (await gate.answers()).map(({ reason }) => reason);
  expect(reasons).toContain('shed');
  expect(gate.held()).toHaveLength(answers.filter(Boolean).length);
  // The far sides heard of nobody whom there was no time for.
  expect(gate.far.of('validate').length).toBeLessThan(codes.length);
});

test('bulk work that waits for the same limit has its turns, and the gate the most of them', async () => {
  const gate = await gateOf();
  const limit = { bucket: gate.tenant, requests: 50, perMs: 1_000, spaced: true };
  gate.far.rules.limit = limit;
  const turns = createTurns({ pool: ledger.pool });
  const order: string[] = [];
  const over = new AbortController();
  const bulk = (async () => {
    const rank = { class: 'bulk', deadline: Date.now() + 60_000, stage: 1 } as const;
    while (!over.signal.aborted) {
      const slot = await turns.turn(limit, rank, over.signal).catch(() => undefined);
      if (slot) order.push('bulk');
      await slot?.answered();
    }
  })();
  for (let round = 0; round < 5; round += 1) {
    const users = Array.from({ length: 20 }, (_, index) => `r${round}-${index}`);
    expect(new Set(await gate.askAll(users))).toEqual(new Set([true]));
    order.push('gate');
    await nextTurn();
  }
  over.abort();
  await bulk;
  expect(order.filter((one) => one === 'bulk').length).toBeGreaterThan(0);
});
