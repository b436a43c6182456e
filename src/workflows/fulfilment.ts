import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenedFulfilment } from '../activities/fulfilment.ts';
import type { CampaignId } from '../domain/words.ts';
import { leaveExpiryBehind } from './closing.ts';
import { confirmSent } from './confirmation.ts';
import { searchAttributeKeys } from './ids.ts';
import { campaignChanged, campaignFenced } from './messages.ts';
import { walkPass } from './passes.ts';
import { audience, ledger } from './proxies.ts';

/** One channel of a campaign that Optimove has sent; empty where it named none. */
export type FulfilmentStart = CampaignId & { channel: string };

export type Giving = Extract<OpenedFulfilment, { next: 'give' }>;

/** A campaign's own run ends at its deadline, before Optimove sends; looked at again so soon. */
const lookAgainMs = 30_000;

/** A list that is empty right after event 13 is asked for again, this long in all. */
const emptyForMs = 120_000;
const askAgainMs = 15_000;

const longestPauseMs = 60_000;

/**
 * What follows once Optimove has sent a campaign through a channel (event 13): whoever is to be given something
 * then is given it, and of what was approved before it is confirmed who was really sent. A campaign that is
 * deleted meanwhile ends it at once, also out of the sleep of its lead time.
 */
export async function fulfilment(start: FulfilmentStart): Promise<string> {
  const run = { changed: false };
  setHandler(campaignChanged, () => {
    run.changed = true;
  });
  const work = new CancellationScope();
  let fenced = false;
  setHandler(campaignFenced, () => {
    fenced = true;
    work.cancel();
  });
  try {
    return await work.run(() => follow(start, run));
  } catch (error) {
    if (fenced && isCancellation(error)) return 'fenced';
    throw error;
  }
}

async function follow(start: FulfilmentStart, run: { changed: boolean }): Promise<string> {
  for (;;) {
    const opened = await ledger.openFulfilment(start);
    switch (opened.next) {
      case 'over':
        return opened.reason;
      case 'confirm':
        return confirmSent(start, opened);
      case 'give':
        return give(start, opened, run);
      case 'wait':
        await sleep(lookAgainMs, { summary: "until the campaign's own run is over" });
        if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof fulfilment>(start);
    }
  }
}

/** Finds who is to be given something, waits for the lead time, and gives batch by batch. */
async function give(
  start: FulfilmentStart,
  opened: Giving,
  run: { changed: boolean },
): Promise<string> {
  const { ref, number, stages, lanes } = opened;
  show('collecting', 'who is to be given something');
  const found = await find();
  if (found.ended !== undefined) return end(found.ended);
  const { startsAt, endsAt } = found;
  if (startsAt > Date.now()) {
    show('waiting', `for the lead time, until ${isoOf(startsAt)}`);
    await ledger.noteWaking({ ref, number, at: startsAt });
    await sleep(startsAt - Date.now(), { summary: `lead time, until ${isoOf(startsAt)}` });
  }
  return end(await walkInPasses(endsAt));

  async function find(): Promise<
    { ended: string } | { ended?: never; startsAt: number; endsAt: number }
  > {
    const firstAsked = Date.now();
    for (;;) {
      await keepHistoryShort(start);
      run.changed = false;
      const collected = await audience.collectExecuted({ ref, number, channel: start.channel });
      if (collected.stopped === 'halted') {
        await somethingChanges(run, longestPauseMs);
      } else if (collected.stopped) {
        return { ended: collected.stopped };
      } else if (collected.customers > 0) {
        return collected;
      } else {
        if (Date.now() - firstAsked >= emptyForMs) return { ended: 'empty' };
        await sleep(askAgainMs, { summary: 'nobody is to be given anything so far' });
      }
    }
  }

  async function walkInPasses(endsAt: number): Promise<string> {
    let pauseMs = 1_000;
    for (;;) {
      await keepHistoryShort(start);
      run.changed = false;
      const { fenced, held, halted, unfinished } = await ledger.fulfilmentStanding({ ref, number });
      if (fenced) return 'fenced';
      if (unfinished.length === 0) return 'given';
      const leftMs = endsAt - Date.now();
      if (leftMs <= 0) return 'late';
      if (held !== undefined || halted) {
        show('held', held ?? 'a far side does not know our key');
        await somethingChanges(run, Math.min(leftMs, longestPauseMs));
        continue;
      }
      const { pass } = await ledger.startPass({ ref });
      const watcher = watcherOf(unfinished.length, pass);
      const batches = unfinished;
      const walked = await walkPass({ ref, pass, batches, stages, lanes }, watcher);
      pauseMs = walked.finished > 0 ? 1_000 : Math.min(pauseMs * 2, longestPauseMs);
      if (walked.finished === 0) await somethingChanges(run, Math.min(pauseMs, leftMs));
    }
  }

  async function end(outcome: string): Promise<string> {
    if (outcome === 'fenced') return outcome;
    const { isLast } = await ledger.closeFulfilment({ ref, number, outcome });
    if (isLast) {
      await ledger.lapse({ ref, reason: outcome === 'late' ? 'expired' : 'failed' });
      await ledger.closeCampaign({ ref, reason: outcome });
    }
    await leaveExpiryBehind(start);
    show('closed', outcome);
    return outcome;
  }
}

function watcherOf(batches: number, pass: number) {
  let finished = 0;
  show('running', `pass ${pass}: none of ${batches} batches has been given yet`);
  return {
    slicing() {},
    sliced(end: { finished: number }) {
      finished += end.finished;
      show('running', `pass ${pass}: ${finished} of ${batches} batches have been given`);
    },
  };
}

export async function somethingChanges(run: { changed: boolean }, withinMs: number): Promise<void> {
  await condition(() => run.changed, Math.max(0, withinMs), { summary: 'until something changes' });
}

async function keepHistoryShort(start: FulfilmentStart): Promise<void> {
  if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof fulfilment>(start);
}

type Phase = 'collecting' | 'waiting' | 'running' | 'held' | 'closed';

/** What the Web UI shows of it, and by which phase it is found. */
function show(phase: Phase, note: string): void {
  upsertSearchAttributes([{ key: searchAttributeKeys.phase, value: phase }]);
  setCurrentDetails(`${phase}: ${note}`);
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}
