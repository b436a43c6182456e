import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Opened } from '../activities/campaign.ts';
import type { Acting, Refusal, Releasing } from '../domain/act.ts';

/** The campaign's standing in the ledger has changed: instants, fence, hold. The story reads it anew. */
export const campaignChanged = defineSignal('campaignChanged');

/**
 * The campaign is fenced, or will be as soon as the ledger is back: the run stops all its work at once,
 * so that nothing that only waits to be tried again begins before the fence stands.
 */
export const campaignFenced = defineSignal('campaignFenced');

/** Ends a campaign's hold. The answer says why not, or null; rejected where the run is surely not held. */
export const release = defineUpdate<Refusal | null, [Releasing]>('release');

/**
 * Opens a campaign again over what is not final. Answered by the run that it starts with how that run
 * opened; rejected by one that was running before.
 */
export const retry = defineUpdate<Opening, [Acting]>('retry');

/** How a run opened. */
export type Opening = Opened['opening'];

/** A slice tells its campaign how far it has come: some ten times, so that histories stay short. */
export const sliceAdvanced = defineSignal<[SliceProgress]>('sliceAdvanced');

export interface SliceProgress {
  pass: number;
  slice: number;
  finished: number;
}

/** There may be a debt: unanswered effects, redemptions due, an open campaign without a run. */
export const kick = defineSignal('kick');

/** How far a running campaign has come, as its children tell it. */
export const campaignProgress = defineQuery<Progress>('campaignProgress');

export interface Progress {
  phase: 'collecting' | 'running' | 'held' | 'waiting' | 'closing' | 'closed';
  customers: number;
  batches: number;
  finished: number;
  pass: number;
  /** Why batches stopped in the latest pass, and how many for each reason. */
  stopped: Record<string, number>;
}
