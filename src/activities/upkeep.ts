import { sliceBatches } from '../domain/batching.ts';
import { beginsExecuted, claimsOpen } from '../domain/campaign.ts';
import type { EffectKind } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import type { FarSide } from '../domain/words.ts';
import { endAlert } from '../ledger/alerts.ts';
import { heldBatches } from '../ledger/batches.ts';
import { type CampaignRow, findCampaign, fixExpiry } from '../ledger/campaigns.ts';
import { claimDebtOf, claimDebts, nextClaimDebtMs } from '../ledger/claim-debts.ts';
import { endingCampaigns, nextEnd } from '../ledger/endings.ts';
import { openFulfilments } from '../ledger/fulfilment-list.ts';
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
import { walkClaims } from '../stages/claims.ts';
import { confirm } from '../stages/confirm.ts';
import { endPool } from '../stages/late.ts';
import { redeem } from '../stages/redeem.ts';
import type { Reading, World } from '../world.ts';
import { claimAndWalk } from './batch.ts';
import { translated } from './failures.ts';
import { type Activated, worldOf } from './house.ts';
import { type RedemptionDebt, redeemPools, together } from './redemptions.ts';
import { watched } from './watch.ts';

/** What a tenant still owes, as one round of settlement takes it on. */
export interface Debts {
  /** Batches with an effect whose answer was lost and that no other story is working on. */
  unknown: Debt[];
  /** Batches whose redemptions may be told now, and how long to wait for more, or for claims; null: none. */
  redemptions: RedemptionDebt[];
  redemptionsWaitMs: number | null;
  /** Campaigns that a run should be working on; most of them have one. */
  open: string[];
  /** Fulfilments that a run should be working on; most of them have one. */
  executed?: { campaignId: string; channel: string }[];
  /** Fenced campaigns whose cancellation has not come to its end; most of them have a run, too. */
  canceled: UnendedCancellation[];
  /** Suppressions that have not been looked for in the campaigns under way. */
  unspread: boolean;
  /** Triggers whose time is over and that nobody has answered. */
  overdue: boolean;
  /** Pools whose time is over and whose gateway has not ended them, and claims to be confirmed. */
  pools: Debt[];
  /** Batches in which suppressed customers were given something, or were told of it. */
  suppressions: Debt[];
  /** Triggered campaigns of which a pool ends soon. */
  ending?: string[];
  halted: boolean;
}

const recoverable: EffectKind[] = [
  'validate',
  'allocate',
  'upload',
  'approve',
  'deny',
  'redeem',
  'redeem_used',
  'revoke',
  'restore',
];

const overdueAtOnce = 10_000;

/** Activities of the stories that keep house: settlement and expiry. */
export function upkeepActivities(house: Activated) {
  const { pool, log } = house;
  return {
    async debts({ tenant }: { tenant: string }): Promise<Debts> {
      const queued = await queuedBatches(pool, tenant);
      const waits = [
        queued.find(({ waitMs }) => waitMs > 0)?.waitMs,
        await nextClaimDebtMs(pool, tenant),
      ].flatMap((waitMs) => waitMs ?? []);
      return {
        unknown: await unsettledBatches(pool, tenant),
        redemptions: together(queued.filter(({ waitMs }) => waitMs === 0))
          // One round's worth: a history holds no more of them than a slice has batches.
          .slice(0, sliceBatches),
        redemptionsWaitMs: waits.length > 0 ? Math.min(...waits) : null,
        open: await openCampaignIds(pool, tenant),
        executed: await openFulfilments(pool, tenant),
        canceled: await unendedCancellations(pool, tenant),
        unspread: await hasUnspread(pool, tenant),
        suppressions: (await suppressionDebts(pool, tenant)).slice(0, sliceBatches),
        overdue: await hasOverdueTriggers(pool, tenant),
        pools: [...(await overduePools(pool, tenant)), ...(await claimDebts(pool, tenant))].slice(
          0,
          sliceBatches,
        ),
        ending: await endingCampaigns(pool, tenant),
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

    /**
     * Brings a pool of checks or claims to its end, or confirms its claims. Its claim ends every older
     * attempt. True when nothing is left.
     */
    async settlePool({ campaign, number }: Debt): Promise<boolean> {
      return watched((signal) =>
        translated(async () => {
          const claim = { ref: campaign, batch: number, signal };
          switch (await claimDebtOf(pool, campaign, number)) {
            case 'unfinished':
              await claimAndWalk(house, claim, ['validate', 'allocate'], walkClaims);
              break;
            case 'unconfirmed':
              return !(await claimAndWalk(house, claim, ['confirm'], confirm));
            default:
              await claimAndWalk(house, claim, ['revoke'], endPool);
          }
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

    /**
     * Tells Promotions of the queued redemptions of one batch, or of many small pools in one call; what is
     * left is due again.
     */
    async redeemBatch({ campaign, number, more = [] }: RedemptionDebt): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          const numbers = [number, ...more];
          if (more.length > 0 && (await redeemPools(house, campaign, numbers, signal))) return;
          for (const one of numbers) {
            const claim = { ref: campaign, batch: one, signal };
            const stopped = await claimAndWalk(house, claim, ['redeem', 'redeem_used'], redeem);
            if (!stopped) await clearRedemptionsDue(pool, { campaign, number: one });
          }
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
      if (campaign.kind === 'triggered' || (campaign.plan && beginsExecuted(campaign.plan))) {
        return { ref: campaign.ref, at: (await nextEnd(pool, campaign.ref)) ?? null };
      }
      const held = await heldBatches(pool, campaign.ref, 'expired');
      if (held.length === 0) return { ref: campaign.ref, at: null };
      return { ref: campaign.ref, at: (await expiryOf(house, campaign)) ?? null };
    },
  };
}

/** What nobody has claimed yet has an end, too. */
async function expiryOf({ pool }: Activated, campaign: CampaignRow): Promise<number | undefined> {
  const { ref, plan, expiresAt, instants, details } = campaign;
  if (expiresAt !== undefined || !plan?.claims) return expiresAt;
  const open = claimsOpen(plan, instants, details?.leadTimeDays);
  return open && fixExpiry(pool, ref, open.until);
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
