import type pg from 'pg';
import type { Met } from '../domain/executed.ts';
import type { Connection } from './pool.ts';
import type { Debt } from './unsettled.ts';

// What events 11 give is given in pools of their own, which the grants story walks until all is given.

export const isUnfinished = `b.grants and not b.finished and b.due > clock_timestamp() and c.fence is null
  and c.held is null and t.held is null and t.halted is null`;

/** An award may show this much later than its event. Nothing is documented; as long as an audience (API §6.2). */
export const awardsLagMs = 120_000;
/** Awards that do not show are asked for again after this long at the earliest. */
export const awardsPauseMs = 2_000;

/**
 * Makes a pool that was just opened one of events 11: its due is the end of what it gives, and what the
 * events said of its customers is kept until it has been given.
 */
export async function markGrants(
  connection: Connection,
  campaign: number,
  number: number,
  met: ReadonlyMap<string, Met>,
): Promise<void> {
  await connection.query(
    `update batch set grants = true, finished = false, due = expires_at, met = $3,
       awaited_since = clock_timestamp()
     where campaign = $1 and number = $2`,
    [campaign, number, met.size > 0 ? JSON.stringify(Object.fromEntries(met)) : null],
  );
}

/** By customer what the events of a pool said. */
export async function metIn(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<ReadonlyMap<string, Met>> {
  const found = await pool.query<{ met: Record<string, Met> | null }>(
    'select met from batch where campaign = $1 and number = $2',
    [campaign, number],
  );
  return new Map(Object.entries(found.rows[0]?.met ?? {}));
}

/**
 * Whether awards that do not show may still come: then the pool is walked again, each time after as long as
 * it has waited by then. False once it has waited for all of the time.
 */
export async function awaitAwards(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<boolean> {
  const waiting = await pool.query(
    `update batch set again_at = clock_timestamp()
       + greatest($3 * interval '1 ms', clock_timestamp() - awaited_since)
     where campaign = $1 and number = $2
       and awaited_since > clock_timestamp() - $4 * interval '1 ms'`,
    [campaign, number, awardsPauseMs, awardsLagMs],
  );
  return waiting.rowCount === 1;
}

/** The pool has given what it gives. */
export async function finishGrants(pool: pg.Pool, campaign: number, number: number): Promise<void> {
  await pool.query(
    'update batch set finished = true, met = null where campaign = $1 and number = $2',
    [campaign, number],
  );
}

/** Pools of events 11 that have not given all yet, and may; the oldest first. */
export async function openGrants(pool: pg.Pool, tenant: string, most: number): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and ${isUnfinished}
       and (b.again_at is null or b.again_at <= clock_timestamp())
     order by b.due, b.number limit $2`,
    [tenant, most],
  );
  return found.rows;
}
