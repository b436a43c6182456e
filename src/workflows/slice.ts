import {
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { WalkEnd } from '../activities/batch.ts';
import { type Walk, walkBatch } from './batch.ts';
import { inLanes } from './lanes.ts';
import { type SliceProgress, sliceAdvanced } from './messages.ts';
import { ledger } from './proxies.ts';

export interface SliceInput extends Walk {
  /** Its place in the pass, from 1. */
  slice: number;
  batches: number[];
  lanes: number;
}

export interface SliceEnd {
  finished: number;
  failed: number;
  /** Why batches stopped, and how many for each reason. */
  stopped: Record<string, number>;
}

/** How often a whole slice tells its campaign how far it has come. */
const tellings = 10;

/** Up to fifty batches, a bounded number of them in flight; what stops one batch stops them all. */
export async function slice(input: SliceInput): Promise<SliceEnd> {
  const { pass } = input;
  const stopped: Record<string, number> = {};
  const tellEvery = Math.ceil(input.batches.length / tellings);
  let walked = 0;
  let finished = 0;
  const ends = await inLanes(
    input.batches,
    input.lanes,
    async (number) => {
      const end = await tryToWalk(input, number);
      if (end?.stopped) stopped[end.stopped] = (stopped[end.stopped] ?? 0) + 1;
      walked += 1;
      if (end?.finished) finished += 1;
      setCurrentDetails(`${walked} of ${input.batches.length} batches walked in pass ${pass}`);
      if (walked % tellEvery === 0) await tellCampaign({ pass, slice: input.slice, finished });
      return end;
    },
    () => Object.keys(stopped).length > 0,
  );
  return {
    finished,
    failed: ends.filter((end) => end === undefined).length,
    stopped,
  };
}

async function tellCampaign(progress: SliceProgress): Promise<void> {
  const { parent } = workflowInfo();
  if (!parent) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(sliceAdvanced, progress);
  } catch {
    // A campaign that has ended meanwhile shows nothing any more.
  }
}

/** A batch that fails is for the next pass to take. */
async function tryToWalk(walk: Walk, batch: number): Promise<WalkEnd | undefined> {
  try {
    return await walkBatch(walk, batch);
  } catch (error) {
    log.warn('a batch failed; the next pass takes it', { batch, error: String(error) });
    await ledger.leaveBatch({ ref: walk.ref, batch });
    return undefined;
  }
}
