import type pg from 'pg';
import type { Fulfilment } from './fulfilments.ts';
import { onlyRow } from './tenants.ts';

// When what a fulfilment gives begins and ends, and how far it has come.

type Of = Pick<Fulfilment, 'ref' | 'number'>;

/** When what a fulfilment gives begins and ends, epoch milliseconds. */
export interface Span {
  startsAt: number;
  endsAt: number;
}

/**
 * Fixes when what a fulfilment gives begins and ends; what was fixed first stays. Nothing of it is given
 * after its end.
 */
export async function fixSpan(pool: pg.Pool, { ref, number }: Of, span: Span): Promise<Span> {
  const fixed = await pool.query<Span>(
    `update fulfilment set starts_at = coalesce(starts_at, to_timestamp($3::float8 / 1000)),
       ends_at = coalesce(ends_at, to_timestamp($4::float8 / 1000))
     where campaign = $1 and number = $2
     returning round(extract(epoch from starts_at) * 1000)::float8 as "startsAt",
       round(extract(epoch from ends_at) * 1000)::float8 as "endsAt"`,
    [ref, number, span.startsAt, span.endsAt],
  );
  await pool.query(
    `update batch b set due = f.ends_at from fulfilment f
     where f.campaign = $1 and f.number = $2 and b.campaign = $1 and b.fulfilment = $2 and b.due is null`,
    [ref, number],
  );
  return onlyRow(fixed);
}

/** A run of this fulfilment sleeps until then; epoch milliseconds. */
export async function noteWaking(pool: pg.Pool, { ref, number }: Of, at: number): Promise<void> {
  await pool.query(
    `update fulfilment set wakes_at = to_timestamp($3::float8 / 1000)
     where campaign = $1 and number = $2`,
    [ref, number, at],
  );
}

/**
 * For when Optimove scheduled the sending, where it says so, and else when it told of it; epoch milliseconds.
 * Of the instants of many customers the latest counts, so that nobody has the reward for a shorter time.
 */
export async function noteSchedule(
  pool: pg.Pool,
  { ref, number }: Of,
  scheduledAt: number | undefined,
): Promise<number> {
  const noted = await pool.query<{ at: number }>(
    `update fulfilment set scheduled_at = case when starts_at is null
         then greatest(scheduled_at, to_timestamp($3::float8 / 1000)) else scheduled_at end
     where campaign = $1 and number = $2
     returning round(extract(epoch from coalesce(scheduled_at, told_at)) * 1000)::float8 as at`,
    [ref, number, scheduledAt ?? null],
  );
  return onlyRow(noted).at;
}

/** All who are to be given something by a fulfilment are in the ledger. */
export async function markCollected(pool: pg.Pool, { ref, number }: Of): Promise<void> {
  await pool.query(
    `update fulfilment set collected_at = coalesce(collected_at, clock_timestamp())
     where campaign = $1 and number = $2`,
    [ref, number],
  );
  await pool.query(
    'update campaign set collected_at = coalesce(collected_at, clock_timestamp()) where ref = $1',
    [ref],
  );
}
