import { defineQuery, defineSignal } from '@temporalio/workflow';

/** The campaign's standing in the ledger has changed: instants, fence, hold. The story reads it anew. */
export const campaignChanged = defineSignal('campaignChanged');

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
