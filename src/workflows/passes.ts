import { CancellationScope, executeChild, log, workflowInfo } from '@temporalio/workflow';
import { cut, sliceBatches } from '../domain/batching.ts';
import type { Stage } from '../domain/flow.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { type SliceEnd, type SliceInput, slice } from './slice.ts';

/** One pass over the batches that have not come to their end. */
export interface Pass {
  ref: number;
  pass: number;
  batches: number[];
  stages: Stage[];
  lanes: number;
}

/** Whoever shows how far a pass has come. */
export interface PassWatcher {
  slicing(slice: number): void;
  sliced(end: SliceEnd): void;
}

/**
 * Walks the batches slice after slice. What stopped one batch stops them all: the rest is for the pass that
 * comes after the release. Returns how many batches came to their end, and why batches stopped.
 */
export async function walkPass(
  { ref, pass, batches, stages, lanes }: Pass,
  watcher: PassWatcher,
): Promise<{ finished: number; stopped: Record<string, number> }> {
  let finished = 0;
  for (const [index, piece] of cut(batches, sliceBatches).entries()) {
    const number = index + 1;
    watcher.slicing(number);
    const end = await walkSlice({ ref, pass, slice: number, batches: piece, stages, lanes });
    finished += end.finished;
    watcher.sliced(end);
    if (Object.keys(end.stopped).length > 0) return { finished, stopped: end.stopped };
  }
  return { finished, stopped: {} };
}

/** A slice that somebody ended has finished nothing we know of: the next pass takes what is left. */
async function walkSlice(input: SliceInput): Promise<SliceEnd> {
  const { pass, batches } = input;
  try {
    return await executeChild(slice, {
      typedSearchAttributes: inheritedAttributes(),
      workflowId: workflowId.slice(workflowInfo().workflowId, pass, input.slice),
      workflowTaskTimeout: '2s',
      args: [input],
      staticSummary: `pass ${pass}, batches ${batches[0]} to ${batches.at(-1)}`,
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    log.warn('a slice was ended; the next pass takes the rest', { slice: input.slice });
    return { finished: 0, failed: batches.length, stopped: { ended: 1 } };
  }
}
