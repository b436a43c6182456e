import type pg from 'pg';
import type { Acting } from '../domain/act.ts';
import type { Connection } from './pool.ts';

/** What was done to what; the names stand in the audit for ever. */
export type Act =
  | 'campaign hold'
  | 'campaign release'
  | 'campaign cancel'
  | 'campaign cancel --force'
  | 'campaign retry'
  | 'reconcile --repair'
  | 'suppress add'
  | 'suppress remove'
  | 'tenant hold'
  | 'tenant release';

/** One act of an operator; `at` in epoch milliseconds. */
export interface AuditLine {
  at: number;
  by: string;
  act: string;
  campaignId: string | null;
  /** A customer, or how many; null where the act was about a campaign, or the tenant. */
  subject: string | null;
  reason: string | null;
}

/**
 * Writes an act down in the transaction that does it, so that a refused one leaves no row. The same
 * request again leaves the first row alone.
 */
export async function writeAudit(
  connection: Connection,
  act: Acting & { tenant: number; act: Act; campaignId?: string; subject?: string },
): Promise<void> {
  await connection.query(
    `insert into audit (tenant, campaign, subject, actor, act, reason, request)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [
      act.tenant,
      act.campaignId ?? null,
      act.subject ?? null,
      act.by,
      act.act,
      act.reason,
      act.request,
    ],
  );
}

/** Whether this request's act was done already: its first answer was lost, and it comes again. */
export async function isAudited(connection: Connection, request: string): Promise<boolean> {
  const found = await connection.query('select from audit where request = $1', [request]);
  return found.rowCount === 1;
}

/** The latest acts of a tenant's operators, of one campaign or of all. */
export async function listAudit(
  pool: pg.Pool,
  tenant: string,
  { limit, campaignId }: { limit: number; campaignId?: string | undefined },
): Promise<AuditLine[]> {
  const found = await pool.query<AuditLine>(
    `select round(extract(epoch from a.at) * 1000)::float8 as at, a.actor as by, a.act,
       a.campaign as "campaignId", a.subject, a.reason
     from audit a join tenant t on t.ref = a.tenant
     where t.name = $1 and ($2::text is null or a.campaign = $2) order by a.id desc limit $3`,
    [tenant, campaignId ?? null, limit],
  );
  return found.rows;
}
