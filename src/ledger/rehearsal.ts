import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { answerTriggers, takeIn } from './answers.ts';
import { readAsOpened } from './columns.ts';
import { begin, type Intent, settleWithin } from './effects.ts';
import type { Connection } from './pool.ts';
import { finishPool, type NewPool, openPool } from './pools.ts';
import { onlyRow } from './tenants.ts';
import { markTold } from './told.ts';

/**
 * Opens connections, and plays the life of a pool of one check on each, which is rolled back. A server process
 * that does this for the first time takes some hundred milliseconds to learn its statements: time that the
 * checks of a first rush do not have.
 */
export async function rehearse(pool: pg.Pool, connections: number): Promise<void> {
  // None is given back before all are there: else one would be rehearsed on twice.
  const opened = await Promise.allSettled(
    Array.from({ length: connections }, () => pool.connect()),
  );
  const played = await Promise.allSettled(
    opened.map(async (one) => {
      if (one.status === 'rejected') throw one.reason;
      await play(one.value);
    }),
  );
  for (const [index, one] of opened.entries()) {
    if (one.status === 'fulfilled') one.value.release(played[index]?.status === 'rejected');
  }
  for (const one of played) if (one.status === 'rejected') throw one.reason;
}

async function play(connection: Connection): Promise<void> {
  await connection.query('begin');
  const tenant = await connection.query<{ ref: number }>(
    'insert into tenant (name) values ($1) returning ref',
    [`rehearsal-${randomUUID()}`],
  );
  const made = await connection.query<{ ref: number }>(
    `insert into campaign (tenant, id, kind, phase, epoch, plan, codes)
     values ($1, 'rehearsal', 'triggered', 'running', 1, '{}', '{REHEARSAL}') returning ref`,
    [onlyRow(tenant).ref],
  );
  await playPool(connection, onlyRow(made).ref);
  await connection.query('rollback');
}

async function playPool(connection: Connection, campaign: number): Promise<void> {
  const trigger = { campaign, customerId: 'rehearsal', instance: 0 };
  await takeIn(connection, [{ ...trigger, leftMs: 60_000, windowMs: 1_000, isOnce: false }]);
  const opened: NewPool = {
    ...{ campaign, number: 0, customers: [trigger], codes: [1], actionId: undefined, said: {} },
    state: 'screened',
    clearance: 'none',
    leftMs: 60_000,
    expiresAt: Date.now(),
  };
  const opening = await openPool(connection, opened, intentOf(campaign, 'validate'), undefined);
  if (opening.verdict !== 'begun') throw new Error(`A rehearsal is ${opening.verdict}`);
  const batch = { campaign, number: 0, read: readAsOpened([opened]) };
  const validated = await settleWithin(connection, batch, {
    ...{ effect: opening.effect, slot: undefined, outcome: 'done' },
    happenings: [{ position: 1, state: 'rewarded' }],
  });
  const beginning = await begin(connection, intentOf(campaign, 'allocate'), undefined);
  if (beginning.verdict !== 'begun') throw new Error(`A rehearsal is ${beginning.verdict}`);
  await answerTriggers(connection, [{ ...trigger, allowed: true, reason: 'given' }]);
  await settleWithin(
    connection,
    { ...batch, read: validated.read },
    {
      ...{ effect: beginning.effect, slot: undefined, outcome: 'done' },
      happenings: [{ position: 1, state: 'allocated', clearance: 'told_true' }],
    },
  );
  await finishPool(connection, campaign, 0);
  await markTold(connection, [trigger]);
}

function intentOf(campaign: number, kind: 'validate' | 'allocate'): Intent {
  return {
    ...{ campaign, batch: 0, kind, epoch: 1, key: kind, hash: kind, positions: [1], kept: {} },
    ...{ token: 0, change: 0, aliveMs: 1_000 },
  };
}
