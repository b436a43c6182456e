import type pg from 'pg';
import type { Fence, Phase } from './campaigns.ts';
import { type Debts, debtsOf } from './debts.ts';

/** A campaign in a list; instants in epoch milliseconds. */
export interface CampaignLine {
  campaignId: string;
  phase: Phase;
  recordedAt: number;
  deadline: number | null;
  /** Customers cut into batches so far. */
  audience: number;
  fence: Fence | null;
  held: string | null;
  problem: string | null;
}

const ms = (column: string): string => `round(extract(epoch from ${column}) * 1000)::float8`;

/** A tenant's campaigns, the latest first. */
export async function listCampaigns(
  pool: pg.Pool,
  tenant: string,
  limit: number,
): Promise<CampaignLine[]> {
  const found = await pool.query<CampaignLine>(
    `select c.id as "campaignId", c.phase, ${ms('c.recorded_at')} as "recordedAt",
       ${ms('c.deadline')} as deadline, c.fence, c.held ->> 'reason' as held, c.problem,
       coalesce((select sum(b.people) from batch b where b.campaign = c.ref), 0)::int as audience
     from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 order by c.recorded_at desc, c.ref desc limit $2`,
    [tenant, limit],
  );
  return found.rows;
}

/** A campaign that waits for a person; a hold without a name is a guard's. */
export interface HoldLine {
  campaignId: string;
  reason: string;
  by: string | null;
  since: number;
}

/** The open holds of a tenant's campaigns, the oldest first. */
export async function listHolds(pool: pg.Pool, tenant: string): Promise<HoldLine[]> {
  const found = await pool.query<HoldLine>(
    `select c.id as "campaignId", c.held ->> 'reason' as reason, c.held ->> 'by' as by,
       ${ms("(c.held ->> 'at')::timestamptz")} as since
     from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.held is not null and c.phase <> 'closed' and c.fence is null order by since`,
    [tenant],
  );
  return found.rows;
}

/** How one tenant stands. */
export interface TenantStanding extends Debts {
  held: string | null;
  halted: { farSide: string; message: string } | null;
  /** Webhooks whose start is outstanding, and those we could not use. */
  webhooksDue: number;
  webhooksQuarantined: number;
  /** When each type of webhook came last, epoch milliseconds. */
  lastWebhooks: { type: number; at: number }[];
}

export async function tenantStanding(pool: pg.Pool, tenant: string): Promise<TenantStanding> {
  const found = await pool.query<Omit<TenantStanding, keyof Debts>>(
    `select t.held ->> 'reason' as held, t.halted,
       (select count(*)::int from inbox i where i.tenant = t.ref and i.status in ('due', 'queued')) as "webhooksDue",
       (select count(*)::int from inbox i where i.tenant = t.ref and i.status = 'quarantined')
         as "webhooksQuarantined",
       coalesce((select jsonb_agg(jsonb_build_object('type', l.type, 'at', l.at) order by l.type) from (
         select i.type, ${ms('max(i.received_at)')} as at
         from inbox i where i.tenant = t.ref and i.type is not null group by i.type) l), '[]')
         as "lastWebhooks"
     from tenant t where t.name = $1`,
    [tenant],
  );
  const standing = found.rows[0] ?? nothingYet;
  return { ...standing, ...(await debtsOf(pool, tenant)) };
}

/** The ledger learns a tenant's name with the first webhook. */
const nothingYet = {
  held: null,
  halted: null,
  webhooksDue: 0,
  webhooksQuarantined: 0,
  lastWebhooks: [],
};
