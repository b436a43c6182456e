import type { createPool } from '../ledger/pool.ts';
import { spreadSuppressions } from '../ledger/suppression-marks.ts';
import { listSuppressions, suppress, unsuppress } from '../ledger/suppressions.ts';
import type { Starts } from '../starts.ts';
import type { Log } from '../world.ts';
import { type Operator, type Outcome, sign } from './outcome.ts';

export interface SuppressionsDeps {
  pool: ReturnType<typeof createPool>;
  starts: Pick<Starts, 'kickSettlement'>;
  log: Log;
}

/** What an operator may ask of the customers who must never get anything, and do about them. */
export function createSuppressions({ pool, starts, log }: SuppressionsDeps) {
  return {
    list: (tenant: string, page: { limit: number; after?: string | undefined }) =>
      listSuppressions(pool, tenant, page),

    /**
     * From the answer on none of them is approved any more. What they were given in a campaign under way
     * is settled soon after.
     */
    async add(
      tenant: string,
      customerIds: readonly string[],
      operator: Operator,
      reason: string,
    ): Promise<Outcome> {
      const fresh = await suppress(pool, tenant, customerIds, sign(operator, reason));
      try {
        await spreadSuppressions(pool, tenant);
      } catch (error) {
        // They are on the list; settlement looks for them again.
        log.warn({ tenant, error: String(error) }, 'suppressions are still to be looked for');
      }
      starts.kickSettlement(tenant);
      const known = customerIds.length - fresh;
      return {
        done: true,
        note: `${fresh} suppressed${known > 0 ? `, ${known} were on the list already` : ''}. Campaigns under way tell them false and take back.`,
      };
    },

    async remove(
      tenant: string,
      customerIds: readonly string[],
      operator: Operator,
      reason: string,
    ): Promise<Outcome> {
      const removed = await unsuppress(pool, tenant, customerIds, sign(operator, reason));
      if (removed === 0) {
        const sentence = `None of these customers is on the suppression list of ${tenant}.`;
        return { done: false, status: 404, sentence };
      }
      const note = `${removed} taken off the list. What campaigns under way decided stays.`;
      return { done: true, note };
    },
  };
}
