import type { Stage } from '../domain/flow.ts';
import { campaignOf } from '../ledger/campaigns.ts';
import { openChannels, unfinishedOf } from '../ledger/fulfilment-list.ts';
import { markCollected, noteWaking } from '../ledger/fulfilment-spans.ts';
import { closeFulfilment, type FulfilmentId, openFulfilment } from '../ledger/fulfilments.ts';
import { type SentSettled, type SentStanding, sentStanding, settleSent } from '../ledger/sent.ts';
import { type CollectedSent, collect, collectSent } from './collecting.ts';
import type { CollectedExecuted, Executed, FulfilmentRef } from './executed.ts';
import { translated } from './failures.ts';
import type { Activated } from './house.ts';
import { watched } from './watch.ts';

/** What a fulfilment's run is told when it opens. */
export type OpenedFulfilment =
  | { next: 'over'; reason: string }
  | { next: 'wait' }
  | ({ next: 'confirm' } & FulfilmentRef)
  | ({ next: 'give'; stages: Stage[]; lanes: number; isCollected: boolean } & FulfilmentRef);

/** How a fulfilment stands now. */
export interface FulfilmentStanding {
  fenced: boolean;
  held: string | undefined;
  halted: boolean;
  unfinished: number[];
}

/** Activities of what follows once Optimove has sent a campaign (event 13). */
export function fulfilmentActivities(house: Activated) {
  const { pool } = house;
  return {
    /** Opens a fulfilment's run. Repeated, it says where the fulfilment stands. */
    async openFulfilment(id: FulfilmentId): Promise<OpenedFulfilment> {
      const opening = await openFulfilment(pool, id);
      if (opening.next === 'over' || opening.next === 'wait') return opening;
      const { ref, number, plan, isCollected } = opening.fulfilment;
      if (opening.next === 'confirm') return { next: 'confirm', ref, number };
      return {
        next: 'give',
        ref,
        number,
        isCollected,
        stages: plan.executed ?? [],
        lanes: plan.lanes,
      };
    },

    /**
     * Finds everybody who is to be given something, and when it begins and ends. Resumes after the last
     * page that was staged.
     */
    async collectExecuted(executed: Executed): Promise<CollectedExecuted> {
      return watched((signal) => translated(() => collect(house, executed, signal)));
    },

    /** Reads whom Optimove has sent the campaign through a channel, and marks them. */
    async collectSent(executed: Executed): Promise<CollectedSent> {
      return watched((signal) => translated(() => collectSent(house, executed, signal)));
    },

    async fulfilmentStanding(of: FulfilmentRef): Promise<FulfilmentStanding> {
      const campaign = await campaignOf(pool, of.ref);
      return {
        fenced: campaign.fence !== undefined,
        held: campaign.held?.reason ?? (campaign.tenantHeld ? 'the tenant is held' : undefined),
        halted: campaign.halted,
        unfinished: await unfinishedOf(pool, of),
      };
    },

    /** A channel has been read, whoever was found. */
    async markRead(of: FulfilmentRef): Promise<void> {
      await markCollected(pool, of);
    },

    /** How far it is known to whom a campaign was sent. */
    async sentStanding({ ref }: { ref: number }): Promise<SentStanding> {
      return sentStanding(pool, ref);
    },

    /** Settles what only the executions show. Repeatable. */
    async settleSent({ ref }: { ref: number }): Promise<SentSettled> {
      return settleSent(pool, ref);
    },

    /** The run sleeps until then, and need not be looked for before. */
    async noteWaking(of: FulfilmentRef & { at: number }): Promise<void> {
      await noteWaking(pool, of, of.at);
    },

    /** Ends a fulfilment; `isLast` when none of its campaign is open any more. */
    async closeFulfilment(of: FulfilmentRef & { outcome: string }): Promise<{ isLast: boolean }> {
      const isLast = await closeFulfilment(pool, of, of.outcome);
      house.kickSettlement((await campaignOf(pool, of.ref)).tenant);
      return { isLast };
    },

    /** The channels of a campaign whose fulfilment has not come to its end. */
    async openChannels({ ref }: { ref: number }): Promise<string[]> {
      return openChannels(pool, ref);
    },
  };
}
