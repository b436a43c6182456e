import { sliceBatches } from '../domain/batching.ts';
import { triggeredRecipe } from '../domain/tenant.ts';
import { campaignOf } from '../ledger/campaigns.ts';
import { openGrants } from '../ledger/grant-pools.ts';
import { nextEventInMs, postponeEvents, waitingEvents } from '../ledger/grants.ts';
import { isPoolFinished } from '../ledger/overdue.ts';
import { createNumbers } from '../ledger/pools.ts';
import type { Debt } from '../ledger/unsettled.ts';
import { grant } from '../stages/grant.ts';
import { claimAndWalk } from './batch.ts';
import { translated } from './failures.ts';
import { hearCampaign, undecidedForMs } from './hearing.ts';
import { type Activated, settingsOf } from './house.ts';
import { watched } from './watch.ts';

/** What one round of the grants story finds. */
export interface Hearing {
  /** Events that were heard, and need no further look. */
  heard: number;
  /** Pools that have not given all yet. */
  pools: Debt[];
  /** In how long what waits for a check's answer, or for an award, is looked at again; null: nothing does. */
  laterMs: number | null;
}

const mostEvents = 10_000;

/** Activities of the grants story: events 11 are heard in rounds, and given in pools. */
export function grantActivities(house: Activated) {
  const { pool, log } = house;
  const nextNumber = createNumbers(pool);
  return {
    /**
     * Hears the events 11 of a tenant that wait, and finds the pools that are to give. Safe to run twice:
     * an event is heard, and its pool opened, in one commit.
     */
    async hearGrants({ tenant }: { tenant: string }): Promise<Hearing> {
      const settings = settingsOf(house, tenant);
      const { triggered } = settings;
      if (!triggered) return { heard: 0, pools: [], laterMs: null };
      const waiting = await waitingEvents(pool, tenant, mostEvents);
      const hearer = { pool, nextNumber, settings, triggered };
      let heard = 0;
      for (const [campaign, events] of Map.groupBy(waiting, ({ campaignId }) => campaignId)) {
        try {
          const some = await hearCampaign(hearer, campaign, events);
          heard += some;
        } catch (error) {
          // The events of other campaigns must not wait for it.
          log.warn({ tenant, campaign, error: String(error) }, 'events 11 are not heard yet');
          const ids = events.map(({ id }) => id);
          await postponeEvents(pool, ids, undecidedForMs);
        }
      }
      return {
        heard,
        pools: await openGrants(pool, tenant, sliceBatches),
        laterMs: (await nextEventInMs(pool, tenant)) ?? null,
      };
    },

    /** Walks one pool of events 11. True where all is given that it gives. */
    async giveGrants({ campaign, number }: Debt): Promise<boolean> {
      return watched((signal) =>
        translated(async () => {
          const { tenant, plan } = await campaignOf(pool, campaign);
          if (!plan) throw new Error(`Campaign ${campaign} has no plan`);
          const settings = settingsOf(house, tenant);
          const by = settings.triggered?.executed === 'assignments' ? 'awards' : 'validation';
          const granting = { recipe: triggeredRecipe(plan, settings), by } as const;
          const claim = { ref: campaign, batch: number, signal };
          await claimAndWalk(house, claim, ['validate', 'allocate'], (scene) =>
            grant(scene, granting),
          );
          house.kickSettlement(tenant);
          return isPoolFinished(pool, campaign, number);
        }),
      );
    },
  };
}
