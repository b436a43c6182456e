import type pg from 'pg';
import type { EffectKind } from '../domain/effect.ts';
import type { SlotRequest } from '../world.ts';
import {
  draft,
  isRead,
  type Read,
  saveUnlessWritten,
  type Written,
  writeBatch,
} from './columns.ts';
import { type Happening, separator } from './packing.ts';
import { type Connection, transaction } from './pool.ts';
import { multirange, positionsOf } from './positions.ts';
import { onlyRow } from './tenants.ts';

/** What is about to be done, and on what the decision to do it was built. */
export interface Intent {
  campaign: number;
  batch: number;
  kind: EffectKind;
  epoch: number;
  /** From stage, members, epoch and, for a report, the value told. */
  key: string;
  hash: string;
  positions: readonly number[];
  /** What could vary between two buildings of the body, fixed at the first. */
  kept: Record<string, unknown>;
  token: number;
  change: number;
  /** Permit and call timeout together: how long it may be on the wire, milliseconds. */
  aliveMs: number;
}

export type Beginning =
  | { verdict: 'begun'; effect: number; slot: number | undefined }
  | { verdict: 'wait' | 'alive'; waitMs: number }
  | { verdict: 'done' | 'stale' | 'superseded' | 'open_report' }
  | { verdict: 'fenced' | 'held' | 'halted' | 'late' };

/** Begins an effect in one statement, or says why not; see begin_effect in the migrations. */
export async function begin(
  pool: pg.Pool | Connection,
  intent: Intent,
  slot: SlotRequest | undefined,
): Promise<Beginning> {
  const result = await pool.query<BeginningRow>({
    name: 'begin_effect',
    text: `select * from begin_effect($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
      $12, $13, $14, $15, $16, $17, to_timestamp($18::float8 / 1000), $19)`,
    values: [
      intent.campaign,
      intent.batch,
      intent.kind,
      intent.epoch,
      intent.key,
      intent.hash,
      multirange(intent.positions),
      JSON.stringify(intent.kept),
      intent.token,
      intent.change,
      Math.ceil(intent.aliveMs),
      slot?.bucket ?? null,
      slot?.requests ?? null,
      slot?.windowMs ?? null,
      slot?.spaced ?? null,
      slot?.process ?? null,
      slot?.class ?? null,
      slot?.deadline ?? null,
      slot?.stage ?? null,
    ],
  });
  return beginningOf(onlyRow(result));
}

/** What a statement that begins an effect returns. */
export interface BeginningRow {
  verdict: Beginning['verdict'];
  effect: string | null;
  slot: string | null;
  wait_ms: number | null;
}

export function beginningOf({ verdict, effect, slot, wait_ms }: BeginningRow): Beginning {
  switch (verdict) {
    case 'begun':
      return { verdict, effect: Number(effect), slot: slot === null ? undefined : Number(slot) };
    case 'wait':
    case 'alive':
      return { verdict, waitMs: wait_ms ?? 0 };
    default:
      return { verdict };
  }
}

export type Outcome = 'done' | 'refused' | 'not_sent' | 'given_up';

export interface Settlement {
  effect: number;
  slot: number | undefined;
  outcome: Outcome;
  detail?: string;
  happenings: readonly Happening[];
}

/**
 * Writes an effect's outcome and its members' new states at once. Settling twice changes nothing the
 * second time: a settled effect keeps its first outcome, and the transitions skip what has happened
 * already. Where the batch still is as it was read, one statement does it all; else its row is locked
 * and read again. Returns how many members changed.
 */
export async function settle(
  pool: pg.Pool,
  batch: Written,
  settlement: Settlement,
): Promise<number> {
  const settled = await settleAsRead(pool, batch, settlement);
  if (settled) {
    batch.read = settled.read;
    return settled.changed;
  }
  return transaction(pool, (connection) => settleLocked(connection, batch, settlement));
}

/** What a settlement wrote. */
export interface Settled {
  /** How many members changed. */
  changed: number;
  /** What stands in the ledger once it is committed, where that is known. */
  read: Read | undefined;
}

/**
 * The same inside the caller's transaction: what follows on it is committed with it. The batch stays as it
 * was read, for nothing has been written yet: the caller gives it `read` after the commit.
 */
export async function settleWithin(
  connection: Connection,
  batch: Written,
  settlement: Settlement,
): Promise<Settled> {
  return (
    (await settleAsRead(connection, batch, settlement)) ?? {
      changed: await settleLocked(connection, batch, settlement),
      read: undefined,
    }
  );
}

/** In one statement, where nobody has written the batch since it was read; undefined where somebody has. */
async function settleAsRead(
  connection: pg.Pool | Connection,
  batch: Written,
  settlement: Settlement,
): Promise<Settled | undefined> {
  const { happenings } = settlement;
  if (happenings.length === 0) {
    await connection.query({ name: 'close_effect', text: close, values: closing(settlement) });
    return { changed: 0, read: batch.read };
  }
  if (!isRead(batch)) return undefined;
  const { changed, values, read } = draft(batch, happenings);
  const saved = await connection.query<{ saved: boolean }>({
    name: 'settle_effect',
    text: settleUnlessWritten,
    values: [...values, ...closing(settlement)],
  });
  return onlyRow(saved).saved ? { changed, read } : undefined;
}

async function settleLocked(
  connection: Connection,
  { campaign, number }: Written,
  settlement: Settlement,
): Promise<number> {
  const changed = await writeBatch(connection, campaign, number, settlement.happenings);
  await connection.query({ name: 'close_effect', text: close, values: closing(settlement) });
  return changed;
}

/**
 * The outcome, with parameters from `$at` on. A repeat that was not sent leaves the effect as unknown as
 * the first copy was; of a validation or an allocation a reading has told that it did not arrive.
 */
const closeAt = (at: number, unless = ''): string => `
  update effect e set outcome = o.outcome, detail = $${at + 2}, referenced = $${at + 3},
    "references" = $${at + 4},
    answered = case when o.outcome is not null then clock_timestamp() end,
    alive_until = case when o.outcome is not null then e.alive_until
      else least(e.alive_until, clock_timestamp()) end
  from (select nullif($${at + 1}, case when may_have_arrived and kind not in ('validate', 'allocate')
    then 'not_sent' end) as outcome from effect where id = $${at}) o
  where e.id = $${at} and (e.outcome is null or e.outcome = 'not_sent') ${unless} returning 1`;

/** The outcome, and the slot's answer after it, as the order of locks wants it. */
const close = `with closed as (${closeAt(1)})
  select case when $6::bigint is not null then answer_slot($6) end
  from (select count(*) from closed) c`;

/** The members first, then the outcome, then the slot; nothing of it where the batch was written meanwhile. */
const settleUnlessWritten = `with saved as (${saveUnlessWritten} returning 1),
    closed as (${closeAt(13, 'and exists (select from saved)')})
  select s.is as saved,
    case when s.is and $18::bigint is not null then answer_slot($18) end
  from (select count(*) = 1 as is from saved) s, (select count(*) from closed) c`;

function closing({ effect, outcome, detail, happenings, slot }: Settlement): unknown[] {
  const { referenced, lines } = referencesOf(happenings);
  return [effect, outcome, detail ?? null, referenced, lines, slot ?? null];
}

/** What the platform calls each gift, a line a member: written once, read for one customer at a time. */
function referencesOf(happenings: readonly Happening[]) {
  const named = happenings
    .flatMap(({ position, reference }) => (reference === undefined ? [] : { position, reference }))
    .sort((a, b) => a.position - b.position);
  if (named.length === 0) return { referenced: null, lines: null };
  return {
    referenced: multirange(named.map(({ position }) => position)),
    lines: named.map(({ reference }) => reference).join(separator),
  };
}

/**
 * The call is over without an answer we can trust: the effect stays open, is unknown from now on, and
 * its members' clearance says so where a report was lost. A validation has no key to be repeated
 * under, and the far side may still be at it: it is unknown only once its whole time is over.
 */
export async function markUnknown(
  pool: pg.Pool,
  { campaign, number }: Written,
  lost: { effect: number; slot: number | undefined; detail: string; happenings: Happening[] },
): Promise<void> {
  await transaction(pool, async (connection) => {
    if (lost.happenings.length > 0) {
      await writeBatch(connection, campaign, number, lost.happenings);
    }
    await connection.query(
      `update effect set detail = $2,
         alive_until = case kind when 'validate' then alive_until
           else least(alive_until, clock_timestamp()) end
       where id = $1 and outcome is null`,
      [lost.effect, lost.detail],
    );
    if (lost.slot !== undefined) await connection.query('select answer_slot($1)', [lost.slot]);
  });
}

/** An effect without outcome: on the wire until `aliveForMs` is over, unknown after. */
export interface OpenEffect {
  effect: number;
  batch: number;
  kind: EffectKind;
  epoch: number;
  key: string;
  hash: string;
  positions: number[];
  kept: Record<string, unknown>;
  aliveForMs: number;
}

/** The open effects of a campaign, or of one of its batches, oldest first. */
export async function openEffects(
  pool: pg.Pool,
  campaign: number,
  filter: { batch?: number; kinds?: readonly EffectKind[] } = {},
): Promise<OpenEffect[]> {
  const found = await pool.query<{
    id: string;
    batch: number;
    kind: EffectKind;
    epoch: number;
    key: string;
    hash: string;
    members: string;
    kept: Record<string, unknown>;
    alive_for_ms: number;
  }>({
    name: 'open_effects',
    text: `select id, batch, kind, epoch, key, hash, members::text, kept,
        greatest(0, ceil(extract(epoch from alive_until - clock_timestamp()) * 1000))::int as alive_for_ms
      from effect where campaign = $1 and outcome is null
        and ($2::int is null or batch = $2) and ($3::text[] is null or kind = any ($3))
      order by id`,
    values: [campaign, filter.batch ?? null, filter.kinds ?? null],
  });
  return found.rows.map((row) => ({
    effect: Number(row.id),
    batch: row.batch,
    kind: row.kind,
    epoch: row.epoch,
    key: row.key,
    hash: row.hash,
    positions: positionsOf(row.members),
    kept: row.kept,
    aliveForMs: row.alive_for_ms,
  }));
}

/** What was kept of an effect that was begun before: its first building's facts. */
export async function keptOf(
  pool: pg.Pool,
  campaign: number,
  key: string,
): Promise<Record<string, unknown> | undefined> {
  const found = await pool.query<{ kept: Record<string, unknown> }>({
    name: 'kept_of',
    text: 'select kept from effect where campaign = $1 and key = $2',
    values: [campaign, key],
  });
  return found.rows[0]?.kept;
}

/**
 * For how long an effect of these kinds may still be on the wire, milliseconds; 0 when none can be.
 * After a fence nothing new begins, so the answer only falls.
 */
export async function aliveFor(
  pool: pg.Pool,
  campaign: number,
  kinds: readonly EffectKind[],
): Promise<number> {
  const found = await pool.query<{ ms: number }>(
    `select coalesce(greatest(0, ceil(extract(epoch from max(alive_until) - clock_timestamp()) * 1000)), 0)::int as ms
     from effect where campaign = $1 and outcome is null and kind = any ($2)`,
    [campaign, kinds],
  );
  return onlyRow(found).ms;
}

/**
 * Closes what will never be answered: validations, allocations and uploads of members that have come
 * to their end by now. Reports stay open: whether Optimove heard them is for event 13 to show.
 */
export async function giveUpEffects(
  pool: pg.Pool,
  campaign: number,
  reason: string,
  filter: { batch?: number; kinds?: readonly EffectKind[] } = {},
): Promise<void> {
  await pool.query(
    `update effect set outcome = 'given_up', answered = clock_timestamp(), detail = $2
     where campaign = $1 and outcome is null and ($3::int is null or batch = $3)
       and kind = any ($4) and alive_until <= clock_timestamp()`,
    [campaign, reason, filter.batch ?? null, filter.kinds ?? ['validate', 'allocate', 'upload']],
  );
}
