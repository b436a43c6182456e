import type { Acting } from '../domain/act.ts';
import { dayIn } from '../domain/calendar.ts';
import { followsExecution } from '../domain/tenant.ts';
import { campaignOf } from '../ledger/campaigns.ts';
import {
  markLookedAt,
  noteRepairs,
  recountNotSent,
  reopenFulfilments,
} from '../ledger/differences.ts';
import {
  batchesToReconcile,
  countUnlisted,
  keepEvidence,
  layEvidence,
  releaseEvidence,
} from '../ledger/evidence.ts';
import { stagingOf } from '../ledger/pages.ts';
import {
  beginReconciliation,
  begunAround,
  endingThatDay,
  endReconciliation,
  noteProblem,
  noteUnlisted,
  type Subject,
} from '../ledger/reconciliations.ts';
import { examine, readingBehindAll } from './examination.ts';
import { translated } from './failures.ts';
import { type Activated, settingsOf, worldOf } from './house.ts';
import { hasToRepair, repairBatch } from './repair.ts';
import { stageAwards, stageEnded, stageSent } from './staging.ts';
import { watched } from './watch.ts';

const dayMs = 86_400_000;

/** A round's worth: no history holds more of them. */
const mostBatches = 500;

/** A run, as each of its activities names it. */
export interface RunOf {
  tenant: string;
  run: string;
}

/** Below which campaign the list of ended actions is staged, and for which of them it counts. */
export interface Ends {
  host: number;
  campaigns: number[];
}

/** Activities that hold the far sides against the ledger, and mend what differs. */
export function reconciliationActivities(house: Activated) {
  const { pool } = house;
  return {
    /** The day before today, in the tenant's calendar. */
    async dayBefore({ tenant }: { tenant: string }): Promise<string> {
      return dayIn(settingsOf(house, tenant).timeZone, Date.now() - dayMs);
    },

    /** Finds the campaigns of a run: what Optimove has sent that day, and what the ledger has of it. */
    async beginReconciliation(
      start: RunOf & { subject: Subject; repairing: Acting | null; isNightly: boolean },
    ): Promise<{ campaigns: number[] }> {
      return watched((signal) =>
        translated(async () => {
          const { tenant, subject, repairing, ...run } = start;
          const settings = settingsOf(house, tenant);
          const isAsked = subject.date !== undefined && followsExecution(settings);
          const executed = isAsked
            ? await worldOf(house, tenant).optimove.executedCampaigns(
                subject.date,
                readingBehindAll(signal),
              )
            : [];
          const campaigns = await beginReconciliation(pool, {
            ...{ ...run, tenant, subject, timeZone: settings.timeZone },
            repairing: repairing ?? undefined,
            executed: executed.flatMap((one) => (one.succeeded ? [one.campaignId] : [])),
          });
          return { campaigns };
        }),
      );
    },

    /** Stages whose campaigns Optimove lists as ended that day; null where nothing of ours can have. */
    async stageEnds(of: RunOf & { date: string; campaigns: number[] }): Promise<Ends | null> {
      return watched((signal) =>
        translated(async () => {
          const { tenant, run, date } = of;
          const { timeZone } = settingsOf(house, tenant);
          const campaigns = await endingThatDay(pool, of.campaigns, { date, timeZone });
          const [host] = campaigns;
          if (host === undefined) return null;
          await stageEnded(house, { tenant, run, host, date }, signal);
          await noteUnlisted(pool, run, await countUnlisted(pool, host, campaigns));
          return { host, campaigns };
        }),
      );
    },

    /** Stages what Optimove and Promotions say of a campaign, and lays it beside its batches. */
    async stageEvidence(of: RunOf & { ref: number; ends: Ends | null }): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          const { tenant, run, ref, ends } = of;
          const campaign = await campaignOf(pool, ref);
          const staged = await stageSent(house, campaign, run, signal);
          if (staged === 'staged') return;
          const hasAwards = await stageAwards(house, campaign, run, signal);
          const { timeZone } = settingsOf(house, tenant);
          const begun = await begunAround(pool, ref, timeZone);
          const isEnding = ends?.campaigns.includes(ref) === true;
          await layEvidence(pool, campaign, run, {
            hasAwards,
            ends: isEnding ? { host: ends.host, begun } : undefined,
          });
        }),
      );
    },

    /** The next batches that a run has not looked at yet; a round's worth. */
    async batchesToReconcile(of: { ref: number; run: string; after: number }): Promise<number[]> {
      const { ref, run, after } = of;
      return batchesToReconcile(pool, ref, run, { after, most: mostBatches });
    },

    /**
     * Holds batches against what the far sides say; where a run repairs, it does what can be done and looks again.
     * Repeated, it goes on: each repair has a key of its own, and what is mended is not found any more.
     */
    async reconcileBatches(
      of: RunOf & { ref: number; batches: number[]; repairing: Acting | null },
    ): Promise<void> {
      await watched((signal) =>
        translated(async () => {
          const { run, ref, repairing } = of;
          for (const batch of of.batches) {
            await keepEvidence(pool, ref, run);
            const examined = { ref, batch, run };
            const found = await examine(house, examined, signal);
            if (repairing && (await hasToRepair(house, examined, found))) {
              await repairBatch(house, examined, repairing, signal);
              await examine(house, examined, signal);
            }
            await markLookedAt(pool, { campaign: ref, batch, run });
          }
        }),
      );
    },

    /** All batches of a campaign have been looked at: what another fulfilment mends is asked for. */
    async leaveBooks(of: RunOf & { ref: number; repairing: Acting | null }): Promise<void> {
      const { tenant, run, ref, repairing } = of;
      await recountNotSent(pool, ref);
      if (repairing) {
        await noteRepairs(pool, { campaign: ref, batch: null, run }, repairing, ['fulfil']);
        if (await reopenFulfilments(pool, ref, stagingOf)) house.kickSettlement(tenant);
      }
      await releaseEvidence(pool, run, ref);
    },

    /** Something could not be looked at; the run goes on with the rest. */
    async noteProblem(of: { run: string; ref: number | null; problem: string }): Promise<void> {
      const { run, ref, problem } = of;
      const campaign = ref === null ? undefined : await campaignOf(pool, ref);
      house.log.warn(
        { run, campaign: campaign?.campaignId, problem },
        'not all could be reconciled',
      );
      await noteProblem(pool, run, campaign ? `${campaign.campaignId}: ${problem}` : problem);
    },

    /** Ends a run. Repeatable. */
    async endReconciliation({ run }: { run: string }): Promise<void> {
      await releaseEvidence(pool, run);
      await endReconciliation(pool, run);
    },
  };
}
