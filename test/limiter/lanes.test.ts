import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Connection,
  createPool,
  lockCampaign,
  lockClass,
  transaction,
} from '../../src/ledger/pool.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { takeSlot } from '../../src/limiter/window.ts';
import type { Rank, RateLimit, SlotRequest, Taken } from '../../src/world.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { violations } from './reference.ts';

let database: TestDatabase;
/** Lanes of one campaign: now and then one takes its lock for itself, as a fence does. */
async function lock(connection: Connection, lane: number): Promise<void> {
  if (lane === 0) await lockCampaign(connection, 1);
  else await connection.query('select pg_advisory_xact_lock_shared($1, 1)', [lockClass.campaign]);
}

let pool: ReturnType<typeof createPool>;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 24);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('24 lanes of three processes take and answer inside transactions without a deadlock', async () => {
  const limit: RateLimit = { bucket: randomUUID(), requests: 40, perMs: 300, spaced: false };
  const processes = [1, 2, 3].map(() => createTurns({ pool }));
  const signal = AbortSignal.timeout(30_000);
  const slots: string[] = [];

  /** As an effect does it: its locks first, the slot last, answered in another transaction. */
  async function work(lane: number): Promise<void> {
    const turns = processes[lane % 3] ?? createTurns({ pool });
    const rank: Rank = { class: lane % 4 === 0 ? 'interactive' : 'bulk', deadline: 1, stage: lane };
    for (let call = 0; call < 8; call += 1) {
      const slot = await turns.next(limit, rank, (request) => begin(lane, request), signal);
      slots.push(slot);
      await transaction(pool, async (connection) => {
        await lock(connection, lane);
        await connection.query('select answer_slot($1)', [slot]);
      });
    }
  }

  function begin(lane: number, request: SlotRequest | undefined): Promise<Taken<string>> {
    if (request === undefined) throw new Error('a limited call is handed a request');
    return transaction(pool, async (connection) => {
      await lock(connection, lane);
      return takeSlot(connection, request);
    });
  }

  // Rows of slots are deleted as it goes: the grants are kept here.
  await pool.query(`create table granted (id bigint, at timestamptz, answered timestamptz)`);
  await pool.query(`create function keep() returns trigger language plpgsql as $$ begin
    insert into granted values (old.id, old.granted, old.answered); return old; end $$`);
  await pool.query(
    `create trigger kept before delete on slot for each row execute function keep()`,
  );
  await Promise.all(Array.from({ length: 24 }, (_, lane) => work(lane)));

  await pool.query('delete from slot');
  const { rows } = await pool.query<{ at: number; answered: number }>(
    `select extract(epoch from at)::float8 * 1000 as at,
       extract(epoch from answered)::float8 * 1000 as answered from granted order by at`,
  );
  expect(new Set(slots).size).toBe(24 * 8);
  expect(rows).toHaveLength(24 * 8);
  expect(violations(rows, limit.requests, limit.perMs)).toBe(0);
});
