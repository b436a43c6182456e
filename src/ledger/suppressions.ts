import type pg from 'pg';
import type { Acting } from '../domain/act.ts';
import { writeAudit } from './audit.ts';
import { transaction } from './pool.ts';
import { tenantRef } from './tenants.ts';

/** A customer who must never get anything; `at` in epoch milliseconds. */
export interface Suppression {
  customerId: string;
  reason: string;
  at: number;
}

/** Of these customers, those who must never get anything, with the reason. */
export async function suppressed(
  pool: pg.Pool,
  tenant: string,
  customerIds: readonly string[],
): Promise<Map<string, string>> {
  const found = await pool.query<{ customer: string; reason: string }>({
    name: 'suppressed',
    text: `select s.customer, s.reason from suppression s join tenant t on t.ref = s.tenant
     where t.name = $1 and s.customer = any ($2)`,
    values: [tenant, customerIds],
  });
  return new Map(found.rows.map((row) => [row.customer, row.reason]));
}

/**
 * Suppresses customers from here on: whoever is screened later is screened out. Those in campaigns
 * under way are a debt until they have been looked for there. Returns how many are new on the list.
 */
export async function suppress(
  pool: pg.Pool,
  name: string,
  customerIds: readonly string[],
  acting: Acting,
): Promise<number> {
  const tenant = await tenantRef(pool, name);
  return transaction(pool, async (connection) => {
    const written = await connection.query<{ fresh: boolean }>(
      `insert into suppression (tenant, customer, reason)
       select $1, customer, $3 from (select distinct unnest($2::text[])) s(customer) order by customer
       on conflict (tenant, customer) do update set reason = excluded.reason, spread = false
       returning xmax = 0 as fresh`,
      [tenant, customerIds, acting.reason],
    );
    const subject = subjectOf(customerIds);
    await writeAudit(connection, { ...acting, tenant, subject, act: 'suppress add' });
    return written.rows.filter(({ fresh }) => fresh).length;
  });
}

/**
 * Takes customers off the list; what a campaign under way has decided because of it stays. Returns how
 * many were on it; with none, nothing was done and nothing is audited.
 */
export async function unsuppress(
  pool: pg.Pool,
  name: string,
  customerIds: readonly string[],
  acting: Acting,
): Promise<number> {
  const tenant = await tenantRef(pool, name);
  return transaction(pool, async (connection) => {
    const removed = await connection.query(
      'delete from suppression where tenant = $1 and customer = any ($2)',
      [tenant, customerIds],
    );
    const count = removed.rowCount ?? 0;
    const subject = subjectOf(customerIds);
    if (count > 0)
      await writeAudit(connection, { ...acting, tenant, subject, act: 'suppress remove' });
    return count;
  });
}

function subjectOf(customerIds: readonly string[]): string {
  const [only = '', ...others] = customerIds;
  return others.length === 0 ? `customer ${only}` : `${customerIds.length} customers`;
}

/** The list in the order of the ids, from behind `after` on. */
export async function listSuppressions(
  pool: pg.Pool,
  tenant: string,
  { limit, after = '' }: { limit: number; after?: string | undefined },
): Promise<Suppression[]> {
  const found = await pool.query<Suppression>(
    `select s.customer as "customerId", s.reason,
       round(extract(epoch from s.at) * 1000)::float8 as at
     from suppression s join tenant t on t.ref = s.tenant
     where t.name = $1 and s.customer > $2 order by s.customer limit $3`,
    [tenant, after, limit],
  );
  return found.rows;
}
