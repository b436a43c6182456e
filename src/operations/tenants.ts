import { tenantStanding } from '../ledger/listing.ts';
import type { createPool } from '../ledger/pool.ts';

/** What an operator may ask of a tenant. */
export function createTenants(pool: ReturnType<typeof createPool>) {
  return { standing: (tenant: string) => tenantStanding(pool, tenant) };
}
