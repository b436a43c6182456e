import type pg from 'pg';
import { heldBatches } from './batches.ts';
import { onlyRow } from './tenants.ts';

// What the pools of a triggered campaign give, and the fulfilments of an executed one, ends batch by batch.

/** Whether a campaign has batches that end one by one. */
const hasEnds = `(c.kind = 'triggered' or c.plan ->> 'flow' in ('automatic', 'executions')) and c.fence is null`;

/** An expiry that is asleep by then needs no start; one that is not has this long to begin. */
const soon = `clock_timestamp() + interval '3 minutes'`;

/**
 * When the next batch of such a campaign ends, epoch milliseconds; undefined where none is left. Those whose
 * end has come, and of which nothing is left to be taken back, are done with.
 */
export async function nextEnd(pool: pg.Pool, campaign: number): Promise<number | undefined> {
  // Before the look: what ends while it is taken is the next one's.
  const clock = await pool.query<{ now: string }>('select clock_timestamp()::text as now');
  const held = await heldBatches(pool, campaign, 'expired');
  await pool.query(
    `update batch set ended = true where campaign = $1 and expires_at <= $2 and not ended
       and number <> all ($3)`,
    [campaign, onlyRow(clock).now, held],
  );
  const found = await pool.query<{ at: number | null }>(
    `select round(extract(epoch from min(expires_at)) * 1000)::float8 as at from batch
     where campaign = $1 and expires_at is not null and not ended`,
    [campaign],
  );
  return onlyRow(found).at ?? undefined;
}

/** A tenant's campaigns of which a batch ends soon, or has. */
export async function endingCampaigns(pool: pg.Pool, tenant: string): Promise<string[]> {
  const found = await pool.query<{ id: string }>(
    `select c.id from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and ${hasEnds} and exists (select from batch b
       where b.campaign = c.ref and not b.ended and b.expires_at < ${soon})
     order by c.id`,
    [tenant],
  );
  return found.rows.map(({ id }) => id);
}

/** The tenants of such campaigns. */
export async function tenantsWithEndings(pool: pg.Pool): Promise<string[]> {
  const found = await pool.query<{ name: string }>(
    `select t.name from tenant t where exists (select from campaign c where c.tenant = t.ref
       and ${hasEnds} and exists (select from batch b
         where b.campaign = c.ref and not b.ended and b.expires_at < ${soon}))
     order by t.name`,
  );
  return found.rows.map(({ name }) => name);
}
