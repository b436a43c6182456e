import type pg from 'pg';
import { endOf, type Fence } from './campaigns.ts';

/** A batch with something to settle. */
export interface Debt {
  campaign: number;
  number: number;
}

/**
 * Batches with a redemption or a revocation whose answer was lost and that no story is working on.
 * Reports whose answer was lost stay listed: after the deadline only event 13 shows what was heard.
 */
export async function unsettledBatches(pool: pg.Pool, tenant: string): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select distinct e.campaign, e.batch as number
     from effect e join campaign c on c.ref = e.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and t.halted is null and e.outcome is null and e.alive_until < clock_timestamp()
       and (e.kind = 'redeem' and c.fence is null or e.kind in ('revoke', 'restore') and c.phase = 'closed')
     order by 1, 2`,
    [tenant],
  );
  return found.rows;
}

/** Campaigns that a run should be working on: opened and not closed, or announced and still in time. */
export async function openCampaignIds(pool: pg.Pool, tenant: string): Promise<string[]> {
  const found = await pool.query<{ id: string }>(
    `select c.id from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.kind = 'scheduled' and c.phase not in ('executed', 'closed') and c.fence is null
       and (c.phase in ('collecting', 'running') or c.problem is null and c.stop > clock_timestamp())
     order by c.deadline, c.id`,
    [tenant],
  );
  return found.rows.map((row) => row.id);
}

/** A campaign that was deleted or canceled, and whose cancellation has not written its end. */
export interface UnendedCancellation {
  campaignId: string;
  by: Fence;
}

export async function unendedCancellations(
  pool: pg.Pool,
  tenant: string,
): Promise<UnendedCancellation[]> {
  const found = await pool.query<UnendedCancellation>(
    `select c.id as "campaignId", c.fence as by from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.fence is not null
       and c.summary ->> 'reason' is distinct from $2::jsonb ->> c.fence
     order by c.fenced_at, c.id`,
    [tenant, JSON.stringify(endOf)],
  );
  return found.rows;
}
