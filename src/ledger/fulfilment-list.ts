import type pg from 'pg';
import type { Fulfilment } from './fulfilments.ts';

/** How far it is with what follows on a campaign's sending through one channel; epoch milliseconds. */
export interface FulfilmentLine {
  /** Null where Optimove named none. */
  channel: string | null;
  toldAt: number;
  startsAt: number | null;
  endsAt: number | null;
  /** How it ended; null while it has not. */
  outcome: string | null;
}

export async function listFulfilments(pool: pg.Pool, ref: number): Promise<FulfilmentLine[]> {
  const ms = (instant: string) => `round(extract(epoch from ${instant}) * 1000)::float8`;
  const found = await pool.query<FulfilmentLine>(
    `select nullif(channel, '') as channel, ${ms('told_at')} as "toldAt", ${ms('starts_at')} as "startsAt",
       ${ms('ends_at')} as "endsAt", outcome
     from fulfilment where campaign = $1 order by number`,
    [ref],
  );
  return found.rows;
}

/** Batches that a fulfilment has not walked to their end. */
export async function unfinishedOf(
  pool: pg.Pool,
  { ref, number }: Pick<Fulfilment, 'ref' | 'number'>,
): Promise<number[]> {
  const found = await pool.query<{ number: number }>(
    `select number from batch where campaign = $1 and fulfilment = $2 and not finished order by number`,
    [ref, number],
  );
  return found.rows.map((row) => row.number);
}

/** The fulfilments of a campaign that have not come to their end, whoever is working on them. */
export async function openChannels(pool: pg.Pool, ref: number): Promise<string[]> {
  const found = await pool.query<{ channel: string }>(
    'select channel from fulfilment where campaign = $1 and closed_at is null order by number',
    [ref],
  );
  return found.rows.map(({ channel }) => channel);
}

/**
 * A fulfilment that a run should be working on now: one that waits for its lead time is woken by its own run
 * alone, and each would cost a look a minute.
 */
export const isActive = `f.closed_at is null and c.fence is null
  and (f.starts_at is null or f.starts_at <= clock_timestamp() + interval '1 minute')
  and (f.wakes_at is null or f.wakes_at <= clock_timestamp())`;

/** A tenant's fulfilments that a run should be working on; most of them have one. */
export async function openFulfilments(
  pool: pg.Pool,
  tenant: string,
): Promise<{ campaignId: string; channel: string }[]> {
  const found = await pool.query<{ campaignId: string; channel: string }>(
    `select c.id as "campaignId", f.channel from fulfilment f
     join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and ${isActive} order by f.told_at, c.id, f.number`,
    [tenant],
  );
  return found.rows;
}
