import type pg from 'pg';
import type { Acting, Refusal } from '../domain/act.ts';
import { isAudited, writeAudit } from './audit.ts';
import { type Connection, lockTenant, transaction } from './pool.ts';
import { onlyRow, tenantRef } from './tenants.ts';

/** An operator holds all campaigns of a tenant, also those to come. */
export async function holdTenant(
  pool: pg.Pool,
  name: string,
  acting: Acting,
): Promise<Refusal | undefined> {
  return withTenant(pool, name, acting.request, async (connection, tenant, held) => {
    if (held) return { why: 'held', reason: held.reason };
    await connection.query(
      `update tenant set held = jsonb_build_object(
         'reason', $2::text, 'by', $3::text, 'at', clock_timestamp()) where ref = $1`,
      [tenant, acting.reason, acting.by],
    );
    await writeAudit(connection, { ...acting, tenant, act: 'tenant hold' });
    return undefined;
  });
}

/** Ends a tenant's hold; campaigns that are held themselves stay held. */
export async function releaseTenant(
  pool: pg.Pool,
  name: string,
  acting: Acting,
): Promise<Refusal | undefined> {
  return withTenant(pool, name, acting.request, async (connection, tenant, held) => {
    if (!held) return { why: 'not_held' };
    await connection.query('update tenant set held = null where ref = $1', [tenant]);
    await writeAudit(connection, { ...acting, tenant, act: 'tenant release' });
    return undefined;
  });
}

async function withTenant(
  pool: pg.Pool,
  name: string,
  request: string,
  decision: (
    connection: Connection,
    tenant: number,
    held: { reason: string } | null,
  ) => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> {
  const tenant = await tenantRef(pool, name);
  return transaction(pool, async (connection) => {
    await lockTenant(connection, tenant);
    if (await isAudited(connection, request)) return undefined;
    const found = await connection.query<{ held: { reason: string } | null }>(
      'select held from tenant where ref = $1',
      [tenant],
    );
    return decision(connection, tenant, onlyRow(found).held);
  });
}
