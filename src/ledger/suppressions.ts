import type pg from 'pg';

/** Of these customers, those who must never get anything, with the reason. */
export async function suppressed(
  pool: pg.Pool,
  tenant: string,
  customerIds: readonly string[],
): Promise<Map<string, string>> {
  const found = await pool.query<{ customer: string; reason: string }>(
    `select s.customer, s.reason from suppression s join tenant t on t.ref = s.tenant
     where t.name = $1 and s.customer = any ($2)`,
    [tenant, customerIds],
  );
  return new Map(found.rows.map((row) => [row.customer, row.reason]));
}
