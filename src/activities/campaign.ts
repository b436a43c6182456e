import type { Acting } from '../domain/act.ts';
import type { Announcement, Instants } from '../domain/campaign.ts';
import { forwardKinds } from '../domain/effect.ts';
import type { Stage } from '../domain/flow.ts';
import { scheduledRules } from '../domain/tenant.ts';
import type { CampaignId } from '../domain/words.ts';
import { lapseCampaign, reopenCampaign, unfinishedBatches } from '../ledger/batches.ts';
import {
  campaignOf,
  closeCampaign,
  type Fence,
  findCampaign,
  type Opening,
  openCampaign,
  type Summary,
  startPass,
} from '../ledger/campaigns.ts';
import { countCampaign } from '../ledger/counts.ts';
import { aliveFor, giveUpEffects } from '../ledger/effects.ts';
import { announce, fenceCampaign } from '../ledger/standing.ts';
import { type Activated, settingsOf } from './house.ts';

/** What a run is told when it opens. */
export interface Opened {
  opening: Opening;
  ref: number;
  /** Undefined where the campaign has no usable deadline. */
  instants: Instants | undefined;
  stages: Stage[];
  lanes: number;
  collected: boolean;
}

/** How a campaign stands now, as the ledger has it. */
export interface Standing {
  instants: Instants | undefined;
  fenced: boolean;
  held: string | undefined;
  halted: boolean;
  unfinished: number[];
}

/** Activities that open, judge and close a campaign; each asks or writes the ledger alone. */
export function campaignActivities(house: Activated) {
  const { pool } = house;
  return {
    /** Opens a run. Repeated, it finds the run open and says `resumed`. */
    async openCampaign(
      id: CampaignId & { announcement?: Announcement; retry?: Acting },
    ): Promise<Opened> {
      // Only where the gateway could not reach the ledger does the announcement travel with the run.
      if (id.announcement) await announce(pool, id, id.announcement);
      const settings = settingsOf(house, id.tenant);
      const rules = scheduledRules(settings);
      const known = await findCampaign(pool, id);
      const plan = { ...rules, durationDays: known?.durationDays ?? 0 };
      const opening = await openCampaign(pool, id, plan, id.retry);
      const campaign = await findCampaign(pool, id);
      if (!campaign) throw new Error(`Campaign ${id.campaignId} is not in the ledger`);
      // Also when resumed: the process that opened it again may have died before it came to this.
      if (opening === 'reopened' || opening === 'resumed') {
        await reopenCampaign(pool, campaign.ref);
      }
      return {
        opening,
        ref: campaign.ref,
        instants: campaign.instants,
        stages: campaign.plan?.recipe ?? [],
        lanes: campaign.plan?.lanes ?? rules.lanes,
        collected: campaign.collected,
      };
    },

    async campaignStanding({ ref }: { ref: number }): Promise<Standing> {
      const campaign = await campaignOf(pool, ref);
      return {
        instants: campaign.instants,
        fenced: campaign.fence !== undefined,
        held: campaign.held?.reason ?? (campaign.tenantHeld ? 'the tenant is held' : undefined),
        halted: campaign.halted,
        unfinished: await unfinishedBatches(pool, ref),
      };
    },

    /** Begins a pass. Repeated, it numbers the pass anew, which nobody minds. */
    async startPass({ ref }: { ref: number }): Promise<{ pass: number; unfinished: number[] }> {
      return { pass: await startPass(pool, ref), unfinished: await unfinishedBatches(pool, ref) };
    },

    /** For how long a forward effect may still be on the wire, milliseconds. */
    async forwardAliveFor({ ref }: { ref: number }): Promise<number> {
      return aliveFor(pool, ref, forwardKinds);
    },

    /** Fences a deleted campaign; the gateway has done it, unless it could not reach the ledger. */
    async fenceDeleted(id: CampaignId): Promise<{ ref: number; fence: Fence }> {
      await fenceCampaign(pool, id, 'deleted');
      const campaign = await findCampaign(pool, id);
      if (!campaign) throw new Error(`Campaign ${id.campaignId} is not in the ledger`);
      return { ref: campaign.ref, fence: 'deleted' };
    },

    /** Gives every member that nothing was decided of its end, with the reason. Repeatable. */
    async lapse({ ref, reason }: { ref: number; reason: string }): Promise<number> {
      const lapsed = await lapseCampaign(pool, ref, reason);
      // A later deadline goes on where this one stopped: a lost validation is then asked about first.
      const kinds = reason === 'deadline' ? (['allocate', 'upload'] as const) : undefined;
      await giveUpEffects(pool, ref, reason, kinds && { kinds });
      return lapsed;
    },

    /** Closes the campaign with what became of its audience. Repeated, it writes the same. */
    async closeCampaign({ ref, reason }: { ref: number; reason: string }): Promise<Summary> {
      const { redemptions: _, ...counts } = await countCampaign(pool, ref);
      const summary = { reason, ...counts };
      await closeCampaign(pool, ref, summary);
      // Its redemptions need not give way to it any longer.
      house.kickSettlement((await campaignOf(pool, ref)).tenant);
      return summary;
    },
  };
}
