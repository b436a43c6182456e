import {
  allHandlersFinished,
  condition,
  continueAsNew,
  executeChild,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Standing } from '../activities/campaign.ts';
import { cut, sliceBatches } from '../domain/batching.ts';
import type { Announcement } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import { expiry } from './expiry.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { campaignChanged, campaignProgress, sliceAdvanced } from './messages.ts';
import { createProgress } from './progress.ts';
import { audience, ledger } from './proxies.ts';
import { quiet } from './quiet.ts';
import { revocation } from './revocation.ts';
import { slice } from './slice.ts';

/** An audience that is empty right after the webhook is asked for again, this long in all. */
const emptyForMs = 120_000;
const askAgainMs = 15_000;

/** A pass in which no batch got to its end is repeated after a pause that grows to a minute. */
const longestPauseMs = 60_000;

export type CampaignStart = CampaignId & {
  /** Only where the gateway could not reach the ledger when event 5 came. */
  announcement?: Announcement;
};

/**
 * One campaign, from event 5 to its summary: collect the audience, walk its batches through the recipe
 * in passes, and at the deadline take back whatever was given and not approved. A deleted campaign ends
 * here at once; the cancellation story takes everything back.
 */
export async function campaign(start: CampaignStart): Promise<string> {
  let changed = false;
  setHandler(campaignChanged, () => {
    changed = true;
  });
  const progress = createProgress(start);
  setHandler(campaignProgress, progress.current);
  setHandler(sliceAdvanced, progress.advanced);

  const opened = await ledger.openCampaign(start);
  const { ref, opening } = opened;
  if (opening === 'closed' || opening === 'fenced' || opening === 'unusable') return opening;
  progress.opened(opened.instants);

  let ended = opening === 'late' ? 'late' : ((await collect()) ?? (await walkInPasses()));
  while (ended !== 'fenced') {
    await takeBack();
    if (!(await goesOn(ended))) return close(ended === 'late' ? 'deadline' : ended);
    ended = (await collect()) ?? (await walkInPasses());
  }
  return ended;

  async function collect(): Promise<'empty' | 'fenced' | 'late' | undefined> {
    if (opened.collected) return undefined;
    const firstAsked = Date.now();
    for (;;) {
      await keepHistoryShort();
      changed = false;
      const collected = await audience.collectAudience({ ref });
      if (collected.stopped === 'halted') {
        await somethingChanges(longestPauseMs);
      } else if (collected.stopped) {
        return collected.stopped;
      } else if (collected.customers > 0) {
        opened.collected = true;
        progress.collected(collected);
        return undefined;
      } else {
        if (Date.now() - firstAsked >= emptyForMs) return 'empty';
        await sleep(askAgainMs, { summary: 'the audience is empty so far' });
      }
    }
  }

  async function walkInPasses(): Promise<'decided' | 'fenced' | 'late'> {
    let pauseMs = 1_000;
    for (;;) {
      await keepHistoryShort();
      changed = false;
      const standing = await ledger.campaignStanding({ ref });
      const stop = standing.instants?.stop ?? 0;
      if (standing.fenced) return 'fenced';
      if (standing.unfinished.length === 0) return 'decided';
      if (Date.now() >= stop) {
        if (await deadlineComes(standing)) return 'late';
      } else if (standing.held || standing.halted) {
        progress.held(standing.held ?? 'a far side does not know our key');
        await somethingChanges(stop - Date.now());
      } else {
        const finished = await walkOnePass();
        pauseMs = finished > 0 ? 1_000 : Math.min(pauseMs * 2, longestPauseMs);
        if (finished === 0) await somethingChanges(Math.min(pauseMs, stop - Date.now()));
      }
    }
  }

  async function walkOnePass(): Promise<number> {
    const { pass, unfinished } = await ledger.startPass({ ref });
    progress.passed(pass, unfinished.length);
    const walked = cut(unfinished, sliceBatches);
    let finished = 0;
    for (const [index, batches] of walked.entries()) {
      const number = index + 1;
      progress.slicing(number);
      const end = await executeChild(slice, {
        typedSearchAttributes: inheritedAttributes(),
        workflowId: workflowId.slice(workflowInfo().workflowId, pass, number),
        workflowTaskTimeout: '2s',
        args: [{ ref, pass, slice: number, batches, stages: opened.stages, lanes: opened.lanes }],
        staticSummary: `pass ${pass}, batches ${batches[0]} to ${batches.at(-1)}`,
      });
      finished += end.finished;
      progress.sliced(end);
      // What stopped one batch stops them all: the rest is for the pass after the release.
      if (Object.keys(end.stopped).length > 0) break;
    }
    return finished;
  }

  /** True when the deadline has come; false when it was moved meanwhile. */
  async function deadlineComes(standing: Standing): Promise<boolean> {
    progress.waiting();
    const deadline = standing.instants?.deadline ?? 0;
    await somethingChanges(deadline - Date.now());
    return !changed;
  }

  async function somethingChanges(withinMs: number): Promise<void> {
    await condition(() => changed, Math.max(0, withinMs), {
      summary: 'until released, or too late',
    });
  }

  /** A campaign that waits for days for a far side, or for a person, goes on in a fresh history. */
  async function keepHistoryShort(): Promise<void> {
    if (!workflowInfo().continueAsNewSuggested) return;
    await condition(allHandlersFinished);
    const { tenant, campaignId } = start;
    await continueAsNew<typeof campaign>({ tenant, campaignId });
  }

  async function takeBack(): Promise<void> {
    progress.closing();
    await quiet(ref);
    await executeChild(revocation, {
      typedSearchAttributes: inheritedAttributes(),
      workflowId: workflowId.revocation(workflowInfo().workflowId, 'deadline'),
      args: [{ ref, reason: 'deadline', lanes: opened.lanes }],
      staticSummary: 'take back what was given and not approved',
    });
  }

  /** True when the campaign was given more time, or was deleted, while it took back. */
  async function goesOn(ended: string): Promise<boolean> {
    const { instants, fenced } = await ledger.campaignStanding({ ref });
    return fenced || (ended === 'late' && Date.now() < (instants?.stop ?? 0));
  }

  async function close(reason: string): Promise<string> {
    await ledger.lapse({ ref, reason: reason === 'decided' ? 'failed' : reason });
    const summary = await ledger.closeCampaign({ ref, reason });
    progress.closed(summary);
    if ((summary.states['allocated'] ?? 0) > 0) await leaveExpiryBehind();
    return reason;
  }

  async function leaveExpiryBehind(): Promise<void> {
    try {
      await startChild(expiry, {
        typedSearchAttributes: inheritedAttributes(),
        workflowId: workflowId.expiry(start),
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: '10s',
        args: [{ tenant: start.tenant, campaignId: start.campaignId }],
        staticSummary: 'the end of the rewards',
      });
    } catch {
      // "Already started": an earlier run of a campaign that was opened again has left it behind.
    }
  }
}
