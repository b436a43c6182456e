import type pg from 'pg';
import { clearances, type State, states } from '../domain/assignment.ts';
import type { Said } from '../domain/check.ts';
import type { SlotRequest } from '../world.ts';
import { type Beginning, type BeginningRow, beginningOf, type Intent } from './effects.ts';
import { type Connection, lockClass, transaction } from './pool.ts';
import { multirange } from './positions.ts';
import { onlyRow } from './tenants.ts';

// A pool of checks is a batch: its members go the way of every batch, and are taken back like them.

/** Numbers come in blocks: see the sequence. */
const block = 64;

/** The numbers of new pools, each of which no other process uses. */
export function createNumbers(pool: pg.Pool): () => Promise<number> {
  let next = 0;
  let end = 0;
  return async () => {
    if (next === end) {
      const taken = await pool.query<{ first: number }>(
        "select nextval('pool_number')::int as first",
      );
      const { first } = onlyRow(taken);
      // Two that asked at once each got a block: the numbers of one are left out.
      next = first;
      end = first + block;
    }
    next += 1;
    return next - 1;
  };
}

/** A pool as it is opened: every customer has one member for each code, side by side. */
export interface NewPool {
  campaign: number;
  number: number;
  customers: readonly { customerId: string; instance: number }[];
  /** The places of its codes. */
  codes: readonly number[];
  state: Extract<State, 'targeted' | 'screened' | 'cleared'>;
  clearance: 'none' | 'approved';
  actionId: string | undefined;
  said: Said;
  /** How long something of it may still begin, milliseconds. */
  leftMs: number;
  /** Epoch milliseconds. */
  expiresAt: number;
}

export type PoolOpening = Beginning | { verdict: 'opened' };

/** Opens a pool with its first effect, or without any, in one statement; see open_pool in the migrations. */
export async function openPool(
  connection: pg.Pool | Connection,
  opened: NewPool,
  intent: Intent | undefined,
  slot: SlotRequest | undefined,
): Promise<PoolOpening> {
  const result = await connection.query<BeginningRow | { verdict: 'opened' }>({
    name: 'open_pool',
    text: `select * from open_pool($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
      to_timestamp($11::float8 / 1000), $12, $13, $14, $15, $16, $17, $18,
      $19, $20, $21, $22, $23, $24, to_timestamp($25::float8 / 1000), $26)`,
    values: [...poolValues(opened), ...intentValues(intent), ...slotValues(slot)],
  });
  const row = onlyRow(result);
  return row.verdict === 'opened' ? { verdict: 'opened' } : beginningOf(row);
}

function poolValues(opened: NewPool): unknown[] {
  return [
    opened.campaign,
    opened.number,
    opened.customers.map(({ customerId }) => customerId),
    opened.customers.map(({ instance }) => instance),
    opened.codes,
    storableAction(opened.actionId),
    states.indexOf(opened.state),
    clearances.indexOf(opened.clearance),
    JSON.stringify(opened.said),
    Math.ceil(opened.leftMs),
    opened.expiresAt,
  ];
}

/** The column is an int; any other action stays in what the checks said. */
function storableAction(actionId: string | undefined): number {
  const action = Number(actionId ?? 0);
  return Number.isInteger(action) && Math.abs(action) < 2 ** 31 ? action : 0;
}

/** The parameters of a statement that begins an effect. */
export function intentValues(intent: Intent | undefined): unknown[] {
  return [
    intent?.kind ?? null,
    intent?.epoch ?? null,
    intent?.key ?? null,
    intent?.hash ?? null,
    intent ? JSON.stringify(intent.kept) : null,
    intent ? Math.ceil(intent.aliveMs) : null,
    intent ? multirange(intent.positions) : null,
  ];
}

/** The parameters of a statement that asks the limiter. */
export function slotValues(slot: SlotRequest | undefined): unknown[] {
  return [
    slot?.bucket ?? null,
    slot?.requests ?? null,
    slot?.windowMs ?? null,
    slot?.spaced ?? null,
    slot?.process ?? null,
    slot?.class ?? null,
    slot?.deadline ?? null,
    slot?.stage ?? null,
  ];
}

/**
 * The pool has come to its end: every answer is written, and who was told false holds nothing. Where
 * redemptions of it are queued, settlement finds them `redeemInMs` from now.
 */
export async function finishPool(
  connection: pg.Pool | Connection,
  campaign: number,
  number: number,
  redeemInMs?: number,
): Promise<void> {
  await connection.query({
    name: 'finish_pool',
    text: `update batch set finished = true, met = null,
       redemptions_queued_at = coalesce(redemptions_queued_at,
         case when $3::float8 is not null then clock_timestamp() end),
       redemptions_due_at = coalesce(redemptions_due_at, clock_timestamp() + $3 * interval '1 ms')
     where campaign = $1 and number = $2`,
    values: [campaign, number, redeemInMs ?? null],
  });
}

/**
 * One transaction that holds the locks of whoever begins an effect from its first message on, before any
 * other lock: each message to the server costs a check its time.
 */
export function sharedTransaction<T>(
  pool: pg.Pool,
  campaign: number,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { tenant, campaign: one } = lockClass;
  const locks = `select pg_advisory_xact_lock_shared(${tenant}, tenant),
    pg_advisory_xact_lock_shared(${one}, ref) from campaign where ref = ${Math.trunc(campaign)}`;
  return transaction(pool, work, `begin; ${locks}`);
}

/** Takes the locks of whoever begins an effect, before any other of the transaction. */
export async function lockShared(connection: Connection, campaign: number): Promise<void> {
  await connection.query({
    name: 'lock_shared',
    text: `select pg_advisory_xact_lock_shared($2, tenant), pg_advisory_xact_lock_shared($3, ref)
      from campaign where ref = $1`,
    values: [campaign, lockClass.tenant, lockClass.campaign],
  });
}
