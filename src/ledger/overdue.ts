import type pg from 'pg';
import type { Connection } from './pool.ts';
import { onlyRow } from './tenants.ts';
import type { Debt } from './unsettled.ts';

// What is left of checks whose time is over, and whose gateway has not brought them to their end.

/**
 * Writes false for the triggers of a tenant whose time is over and whose gateway has not answered, at
 * most so many at once. Returns how many they were.
 */
export async function answerOverdue(pool: pg.Pool, tenant: string, most: number): Promise<number> {
  const answered = await pool.query(
    `update answer a set answer = false, reason = 'late', answered_at = clock_timestamp()
     from (select x.campaign, x.customer, x.instance
       from answer x join campaign c on c.ref = x.campaign join tenant t on t.ref = c.tenant
       where t.name = $1 and x.answer is null and x.due < clock_timestamp()
       order by 1, 2, 3 limit $2 for no key update of x) o
     where a.campaign = o.campaign and a.customer = o.customer and a.instance = o.instance
       and a.answer is null`,
    [tenant, most],
  );
  return answered.rowCount ?? 0;
}

/** Pools whose time is over and that nobody has brought to their end; a fenced campaign's are its cancellation's. */
export async function overduePools(pool: pg.Pool, tenant: string): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and b.due < clock_timestamp() and not b.finished and b.fulfilment is null
       and c.fence is null
     order by b.due, 1, 2`,
    [tenant],
  );
  return found.rows;
}

/** Something of a pool is to be brought to an end again: settlement finds it, where its gateway does not. */
export async function reopenPool(
  connection: Connection,
  campaign: number,
  number: number,
): Promise<void> {
  await connection.query('update batch set finished = false where campaign = $1 and number = $2', [
    campaign,
    number,
  ]);
}

export async function isPoolFinished(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<boolean> {
  const found = await pool.query<{ finished: boolean }>(
    'select finished from batch where campaign = $1 and number = $2',
    [campaign, number],
  );
  return onlyRow(found).finished;
}

/** Whether a trigger of a tenant is unanswered after its time. */
export async function hasOverdueTriggers(pool: pg.Pool, tenant: string): Promise<boolean> {
  const found = await pool.query<{ has: boolean }>(
    `select exists (select from answer a join campaign c on c.ref = a.campaign
       join tenant t on t.ref = c.tenant
       where t.name = $1 and a.answer is null and a.due < clock_timestamp()) as has`,
    [tenant],
  );
  return onlyRow(found).has;
}

/**
 * Closes what a pool asked and what will not be answered any more: a validation nobody waits for, and an
 * allocation whose key has been barred.
 */
export async function abandonEffects(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<void> {
  await pool.query(
    `update effect set outcome = 'given_up', answered = clock_timestamp(), detail = coalesce(detail, 'late')
     where campaign = $1 and batch = $2 and outcome is null and kind in ('validate', 'allocate')`,
    [campaign, number],
  );
}
