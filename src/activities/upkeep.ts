import { sliceBatches } from '../domain/batching.ts';
import type { EffectKind } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import type { FarSide } from '../domain/words.ts';
import { endAlert } from '../ledger/alerts.ts';
import { heldBatches } from '../ledger/batches.ts';
import { findCampaign } from '../ledger/campaigns.ts';
import {
  answerOverdue,
  hasOverdueTriggers,
  isPoolFinished,
  overduePools,
} from '../ledger/overdue.ts';
import { clearRedemptionsDue, queuedBatches } from '../ledger/redemptions.ts';
import { hasUnspread, suppressionDebts } from '../ledger/suppression-marks.ts';
import { haltOf, resumeTenant } from '../ledger/tenants.ts';
import {
  type Debt,
  openCampaignIds,
  type UnendedCancellation,
  unendedCancellations,
  unsettledBatches,
} from '../ledger/unsettled.ts';
import { endPool } from '../stages/late.ts';
import { redeem } from '../stages/redeem.ts';
import type { Reading, World } from '../world.ts';
import { claimAndWalk } from './batch.ts';
import { translated } from './failures.ts';
import { type Activated, worldOf } from './house.ts';
import { watched } from './watch.ts';

/** What a tenant still owes, as one round of settlement takes it on. */
export interface Debts {
  /** Batches with an effect whose answer was lost and that no other story is working on. */
  unknown: Debt[];
  /** Batches whose redemptions may be told now, and for how long to wait for others; null: none. */
  redemptions: Debt[];
  redemptionsWaitMs: number | null;
  /** Campaigns that a run should be working on; most of them have one. */
  open: string[];
  /** Fenced campaigns whose cancellation has not come to its end; most of them have a run, too. */
  canceled: UnendedCancellation[];
  /** Suppressions that have not been looked for in the campaigns under way. */
  unspread: boolean;
  /** Triggers whose time is over and that nobody has answered. */
  overdue: boolean;
  /** Pools of checks whose time is over, and whose gateway has not brought them to their end. */
  pools: Debt[];
  /** Batches in which suppressed customers were given something, or were told of it. */
  suppressions: Debt[];
  halted: boolean;
}

const recoverable: EffectKind[] = [
  'validate',
  'allocate',
  'upload',
  'approve',
  'deny',
  'redeem',
  'revoke',
];

const overdueAtOnce = 10_000;

/** Activities of the stories that keep house: settlement and expiry. */
export function upkeepActivities(house: Activated) {
  const { pool, log } = house;
  return {
    async debts({ tenant }: { tenant: string }): Promise<Debts> {
      const queued = await queuedBatches(pool, tenant);
      return {
        unknown: await unsettledBatches(pool, tenant),
        redemptions: queued
          .filter(({ waitMs }) => waitMs === 0)
          .map(({ campaign, number }) => ({ campaign, number }))
          // One round's worth: a history holds no more of them than a slice has batches.
          .slice(0, sliceBatches),
        redemptionsWaitMs: queued.find(({ waitMs }) => waitMs > 0)?.waitMs ?? null,
        open: await openCampaignIds(pool, tenant),
        canceled: await unendedCancellations(pool, tenant),
        unspread: await hasUnspread(pool, tenant),
        suppressions: (await suppressionDebts(pool, tenant)).slice(0, sliceBatches),
        overdue: await hasOverdueTriggers(pool, tenant),
        pools: (await overduePools(pool, tenant)).slice(0, sliceBatches),
        halted: (await haltOf(pool, tenant)) !== undefined,
      };
    },

    /** Writes false for the triggers whose gateway has died, or was away from the ledger. Repeatable. */
    async answerOverdue({ tenant }: { tenant: string }): Promise<number> {
      let answered = 0;
      for (let some = overdueAtOnce; some === overdueAtOnce; answered += some) {
        some = await answerOverdue(pool, tenant, overdueAtOnce);
      }
      return answered;
    },

    /** Brings a pool of checks to its end. Its claim ends every older attempt. True when nothing is left. */
    async settlePool({ campaign, number }: Debt): Promise<boolean> {
      return watched((signal) =>
        translated(async () => {
          const claim = { ref: campaign, batch: number, signal };
          await claimAndWalk(house, claim, ['revoke'], endPool);
          return isPoolFinished(pool, campaign, number);
        }),
      );
    },

    /** Finds out what became of the effects of one batch whose answers were lost. */
    async settleBatch({ campaign, number }: Debt): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          await claimAndWalk(
            house,
            { ref: campaign, batch: number, signal },
            recoverable,
            async () => undefined,
          );
        }),
      );
    },

    /** Tells Promotions of the queued redemptions of one batch; what is left is due again. */
    async redeemBatch({ campaign, number }: Debt): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          const stopped = await claimAndWalk(
            house,
            { ref: campaign, batch: number, signal },
            ['redeem'],
            redeem,
          );
          if (!stopped) await clearRedemptionsDue(pool, { campaign, number });
        }),
      );
    },

    /** Asks a far side that did not know our key whether it does now; ends the halt when it does. */
    async probe({
      tenant,
    }: {
      tenant: string;
    }): Promise<{ resumed: boolean; campaigns: string[] }> {
      const halt = await haltOf(pool, tenant);
      if (!halt) return { resumed: true, campaigns: await openCampaignIds(pool, tenant) };
      return watched(async (signal) => {
        const rank = { class: 'bulk', deadline: Date.now(), stage: 9 } as const;
        try {
          await ask(worldOf(house, tenant), halt.farSide, { rank, signal });
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          return { resumed: false, campaigns: [] };
        }
        await resumeTenant(pool, tenant);
        // Where nothing was asked, the alert ends with the next call that the far side takes.
        if (halt.farSide !== 'dataConnection' && halt.farSide !== 'publisher') {
          await endAlert(house, { kind: 'halt', tenant, subject: halt.farSide });
        }
        log.info(
          { tenant, farSide: halt.farSide },
          'the far side knows our key again: work goes on',
        );
        return { resumed: true, campaigns: await openCampaignIds(pool, tenant) };
      });
    },

    /** When the rewards of a campaign end; undefined where nothing was allocated or all is taken back. */
    async nextExpiry(id: {
      tenant: string;
      campaignId: string;
    }): Promise<{ ref: number; at: number | null }> {
      const campaign = await findCampaign(pool, id);
      if (!campaign) throw new Error(`Campaign ${id.campaignId} is not in the ledger`);
      const held = await heldBatches(pool, campaign.ref, 'expired');
      return { ref: campaign.ref, at: held.length > 0 ? (campaign.expiresAt ?? null) : null };
    },
  };
}

/** The cheapest read of each far side that needs our key. */
async function ask(world: World, farSide: FarSide, reading: Reading): Promise<void> {
  switch (farSide) {
    case 'optimove':
      return world.optimove.probe(reading);
    case 'promotions':
      await world.promotions?.promocode('promoflow-probe', reading);
      return;
    case 'platform':
      await world.platform.lookUp([], reading);
      return;
    case 'dataConnection':
    case 'publisher':
      // No read is known (API §12, §10.8): the next call will tell.
      return;
  }
}
