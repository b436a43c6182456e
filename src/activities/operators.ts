import type { Cancelling, Refusal, Releasing } from '../domain/act.ts';
import type { CampaignId } from '../domain/words.ts';
import { cancelByOperator, releaseByOperator } from '../ledger/acts.ts';
import { markAwaited } from '../ledger/batches.ts';
import { campaignOf, type Fence, findCampaign } from '../ledger/campaigns.ts';
import { toldBatches } from '../ledger/counts.ts';
import { giveUpEffects } from '../ledger/effects.ts';
import {
  clearSuppressionsDue,
  isMarkedSuppressed,
  spreadSuppressions,
} from '../ledger/suppression-marks.ts';
import type { Debt } from '../ledger/unsettled.ts';
import { withdraw } from '../stages/report.ts';
import { revokeSuppressed } from '../stages/revoke.ts';
import { claimAndWalk, type StageEnd } from './batch.ts';
import { translated } from './failures.ts';
import type { Activated } from './house.ts';
import { watched } from './watch.ts';

/** Activities behind what operators do. */
export function operatorActivities(house: Activated) {
  const { pool } = house;
  return {
    /** Ends a hold, or says why not. Repeated under its request, it is done once. */
    async releaseCampaign(asked: CampaignId & Releasing): Promise<Refusal | null> {
      const { tenant, campaignId, ...releasing } = asked;
      return (await releaseByOperator(pool, { tenant, campaignId }, releasing)) ?? null;
    },

    /** Fences a campaign for an operator who ends its run in Temporal. Repeatable by its request. */
    async cancelCampaign(cancelling: Cancelling): Promise<Refusal | null> {
      return (await cancelByOperator(pool, cancelling)) ?? null;
    },

    /** The fence that stands against a campaign; event 4 may replace the operator's at any instant. */
    async fenceOf(id: CampaignId): Promise<{ ref: number; fence: Fence }> {
      const campaign = await findCampaign(pool, id);
      if (!campaign?.fence)
        throw new Error(`Campaign ${id.campaignId} of ${id.tenant} has no fence`);
      return { ref: campaign.ref, fence: campaign.fence };
    },

    /**
     * Batches with customers whom Optimove was told true of, and can still be told false. An approval
     * that is unanswered counts as heard: its repeat is fenced, and the false takes its place.
     */
    async batchesToWithdraw({ ref }: { ref: number }): Promise<number[]> {
      const { instants } = await campaignOf(pool, ref);
      if (Date.now() >= (instants?.lastReport ?? 0)) return [];
      await markAwaited(pool, ref);
      await giveUpEffects(pool, ref, 'the campaign was canceled', { kinds: ['approve'] });
      return toldBatches(pool, ref);
    },

    /** Tells Optimove false of everybody in one batch who was told true. */
    async withdrawBatch({ ref, batch }: { ref: number; batch: number }): Promise<StageEnd> {
      return watched((signal) =>
        translated(async () => {
          const stopped = await claimAndWalk(house, { ref, batch, signal }, ['deny'], (scene) =>
            withdraw(scene, () => true),
          );
          return stopped ? { stopped } : {};
        }),
      );
    },

    /** Marks suppressed customers in the campaigns under way; what they were given is settled after. */
    async spreadSuppressions({ tenant }: { tenant: string }): Promise<number> {
      return spreadSuppressions(pool, tenant);
    },

    /**
     * Settles the suppressed customers of one batch: false first, while it can be told, then taken
     * back. What is unanswered over them is found out about before.
     */
    async settleSuppressions({ campaign, number }: Debt): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          const claim = { ref: campaign, batch: number, signal };
          const told = await claimAndWalk(house, claim, ['allocate', 'approve', 'deny'], (scene) =>
            withdraw(scene, isMarkedSuppressed),
          );
          if (told && told !== 'late') return;
          const stopped = await claimAndWalk(house, claim, ['revoke'], revokeSuppressed);
          if (!stopped) await clearSuppressionsDue(pool, { campaign, number });
        }),
      );
    },
  };
}
