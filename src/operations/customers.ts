import type { createPool } from '../ledger/pool.ts';
import { timeline } from '../ledger/timeline.ts';

/** What an operator may ask of customers. */
export function createCustomers(pool: ReturnType<typeof createPool>) {
  return {
    /** Everything that happened to one customer, in one campaign or in all. */
    timeline: (customer: { tenant: string; customerId: string; campaignId?: string | undefined }) =>
      timeline(pool, customer),
  };
}
