import { defineQuery, defineSignal } from '@temporalio/workflow';

/** The campaign's standing in the ledger has changed: instants, fence, hold. The story reads it anew. */
export const campaignChanged = defineSignal('campaignChanged');

/** There may be a debt: unanswered effects, redemptions due, an open campaign without a run. */
export const kick = defineSignal('kick');

/** Counts that a running campaign shows, as its children returned them. */
export const campaignProgress = defineQuery<Progress>('campaignProgress');

export interface Progress {
  phase: string;
  batches: number;
  finished: number;
  pass: number;
}
