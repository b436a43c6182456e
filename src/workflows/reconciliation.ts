import {
  ActivityFailure,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Ends } from '../activities/reconciliation.ts';
import type { Acting } from '../domain/act.ts';
import { cut, sliceBatches } from '../domain/batching.ts';
import { inLanes } from './lanes.ts';
import { audience, ledger, upkeep } from './proxies.ts';

/** What is reconciled: one campaign, or all of a day of the tenant's calendar. */
export type ReconciliationStart = { tenant: string; repairing?: Acting; isNightly?: boolean } & (
  | { campaignId: string; date?: never }
  | { date: string; campaignId?: never }
) & {
    /** A run that is carried on, because its history has grown long. */
    goesOn?: { run: string; campaigns: number[]; ends: Ends | null; after: number };
  };

/** How many batches are looked at side by side: each costs the platform a call. */
const lanes = 4;

/** No problem is told in more characters; the log has the rest. */
const mostWords = 300;

/**
 * Holds what Optimove, Promotions and the platform say against the ledger, campaign by campaign, and lists what
 * differs; where it repairs, it mends what can be mended. What cannot be looked at is told, and the rest goes on.
 */
export async function reconciliation(start: ReconciliationStart): Promise<void> {
  const { tenant, repairing = null } = start;
  const { run, campaigns, ends, after } = start.goesOn ?? (await begin(start));
  for (const [place, ref] of campaigns.entries()) {
    setCurrentDetails(`campaign ${place + 1} of ${campaigns.length} that are left`);
    try {
      await audience.stageEvidence({ tenant, run, ref, ends });
      await lookAtAll(campaigns.slice(place), place === 0 ? after : 0);
      await ledger.leaveBooks({ tenant, run, ref, repairing });
    } catch (error) {
      await tell(run, ref, error);
    }
  }
  await ledger.endReconciliation({ run });
  setCurrentDetails('closed');

  /** In rounds; a batch that cannot be looked at is left behind. */
  async function lookAtAll(left: number[], behind: number): Promise<void> {
    const [ref = 0] = left;
    for (let last = behind; ; ) {
      const batches = await ledger.batchesToReconcile({ ref, run, after: last });
      if (batches.length === 0) return;
      last = batches.at(-1) ?? last;
      // Many are pools of claims, and small: then an activity takes several.
      const size = Math.ceil(batches.length / (2 * sliceBatches));
      await inLanes(cut(batches, size), lanes, async (together) => {
        try {
          await upkeep.reconcileBatches({ tenant, run, ref, batches: together, repairing });
        } catch (error) {
          await tell(run, ref, error);
        }
      });
      if (workflowInfo().continueAsNewSuggested) {
        const goesOn = { run, campaigns: left, ends, after: last };
        await continueAsNew<typeof reconciliation>({ ...start, goesOn });
      }
    }
  }
}

async function begin(start: ReconciliationStart) {
  const { tenant, repairing = null, isNightly = false } = start;
  const { runId: run } = workflowInfo();
  const subject =
    start.date === undefined ? { campaignId: start.campaignId } : { date: start.date };
  const { campaigns } = await audience.beginReconciliation({
    ...{ tenant, run, subject, repairing, isNightly },
  });
  const ends = await stageEnds();
  return { run, campaigns, ends, after: 0 };

  async function stageEnds(): Promise<Ends | null> {
    if (start.date === undefined || campaigns.length === 0) return null;
    try {
      return await audience.stageEnds({ tenant, run, date: start.date, campaigns });
    } catch (error) {
      await tell(run, null, error);
      return null;
    }
  }
}

/** What could not be looked at is told with the differences. */
async function tell(run: string, ref: number | null, error: unknown): Promise<void> {
  if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
  const problem = (error.cause?.message ?? error.message).slice(0, mostWords);
  await ledger.noteProblem({ run, ref, problem });
}
