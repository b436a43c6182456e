import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Standing } from '../activities/campaign.ts';
import type { Acting } from '../domain/act.ts';
import type { Announcement } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import { answerOperators, cancelByButton, isEndedByButton, type RunState } from './acts.ts';
import { close, takeBack } from './closing.ts';
import { campaignChanged, campaignFenced, campaignProgress, sliceAdvanced } from './messages.ts';
import { walkPass } from './passes.ts';
import { createProgress } from './progress.ts';
import { audience, ledger } from './proxies.ts';

/** An audience that is empty right after the webhook is asked for again, this long in all. */
const emptyForMs = 120_000;
const askAgainMs = 15_000;

/** A pass in which no batch got to its end is repeated after a pause that grows to a minute. */
const longestPauseMs = 60_000;

/** A held run looks for itself within a minute: whoever releases its tenant may find Temporal away. */
const lookAgainMs = 55_000;

export type CampaignStart = CampaignId & {
  /** Only where the gateway could not reach the ledger when event 5 came. */
  announcement?: Announcement;
  /** Only where an operator retries a campaign that is over. */
  retry?: Acting;
};

/**
 * One campaign, from event 5 to its summary, with its doors for whoever wants to tell it something. A
 * run that is canceled in Temporal leaves a cancellation behind, as any operator's cancel does.
 */
export async function campaign(start: CampaignStart): Promise<string> {
  const run: RunState = {
    changed: false,
    held: undefined,
    opening: undefined,
    retry: start.retry?.request,
  };
  setHandler(campaignChanged, () => {
    run.changed = true;
  });
  answerOperators(start, run);
  const progress = createProgress(start);
  setHandler(campaignProgress, progress.current);
  setHandler(sliceAdvanced, progress.advanced);
  const work = new CancellationScope();
  let fenced = false;
  setHandler(campaignFenced, () => {
    fenced = true;
    work.cancel();
  });
  try {
    const ended = await work
      .run(() => live(start, run, progress))
      .catch((error: unknown) => {
        if (fenced && isCancellation(error)) return 'fenced';
        throw error;
      });
    await condition(allHandlersFinished);
    return ended;
  } catch (error) {
    if (isEndedByButton(error)) await cancelByButton(start);
    throw error;
  }
}

/**
 * Collects the audience, walks its batches through the recipe in passes, and at the deadline takes back
 * whatever was given and not approved. A fenced campaign ends here at once; the cancellation story takes
 * everything back.
 */
async function live(
  start: CampaignStart,
  run: RunState,
  progress: ReturnType<typeof createProgress>,
): Promise<string> {
  const opened = await ledger.openCampaign(start);
  const { ref, opening, stages, lanes } = opened;
  run.opening = opening;
  if (opening === 'closed' || opening === 'fenced' || opening === 'unusable') return opening;
  progress.opened(opened.instants);

  let ended = opening === 'late' ? 'late' : ((await collect()) ?? (await walkInPasses()));
  while (ended !== 'fenced') {
    progress.closing();
    await takeBack(ref, lanes);
    if (!(await goesOn(ended))) {
      return close(start, ref, ended === 'late' ? 'deadline' : ended, progress);
    }
    ended = (await collect()) ?? (await walkInPasses());
  }
  return ended;

  async function collect(): Promise<'empty' | 'fenced' | 'late' | undefined> {
    if (opened.collected) return undefined;
    const firstAsked = Date.now();
    for (;;) {
      await keepHistoryShort();
      run.changed = false;
      const collected = await audience.collectAudience({ ref });
      if (collected.stopped === 'halted') {
        await somethingChanges(longestPauseMs);
      } else if (collected.stopped) {
        return collected.stopped;
      } else if (collected.customers > 0) {
        opened.collected = true;
        if (collected.held) run.held = true;
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
      run.changed = false;
      const standing = await ledger.campaignStanding({ ref });
      run.held = standing.held !== undefined;
      const stop = standing.instants?.stop ?? 0;
      if (standing.fenced) return 'fenced';
      if (standing.unfinished.length === 0) return 'decided';
      if (Date.now() >= stop) {
        if (await deadlineComes(standing)) return 'late';
      } else if (standing.held || standing.halted) {
        progress.held(standing.held ?? 'a far side does not know our key');
        await somethingChanges(Math.min(stop - Date.now(), lookAgainMs));
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
    const walked = await walkPass({ ref, pass, batches: unfinished, stages, lanes }, progress);
    if (walked.stopped['held']) run.held = true;
    return walked.finished;
  }

  /** True when the deadline has come; false when it was moved meanwhile. */
  async function deadlineComes(standing: Standing): Promise<boolean> {
    progress.waiting();
    const deadline = standing.instants?.deadline ?? 0;
    await somethingChanges(deadline - Date.now());
    return !run.changed;
  }

  async function somethingChanges(withinMs: number): Promise<void> {
    await condition(() => run.changed, Math.max(0, withinMs), {
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

  /** True when the campaign was given more time, or was fenced, while it took back. */
  async function goesOn(ended: string): Promise<boolean> {
    const { instants, fenced } = await ledger.campaignStanding({ ref });
    return fenced || (ended === 'late' && Date.now() < (instants?.stop ?? 0));
  }
}
