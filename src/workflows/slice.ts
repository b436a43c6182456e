import {
  executeChild,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Stage } from '../domain/flow.ts';
import { type BatchEnd, batch } from './batch.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { inLanes } from './lanes.ts';
import { type SliceProgress, sliceAdvanced } from './messages.ts';
import { shortly } from './proxies.ts';

export interface SliceInput {
  ref: number;
  pass: number;
  /** Its place in the pass, from 1. */
  slice: number;
  batches: number[];
  stages: Stage[];
  inward: Stage[];
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

/** Up to a hundred batches, a bounded number of them in flight; what stops one batch stops them all. */
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
      const end = await runBatch(input, number);
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

/** A batch that fails, or that is still running from an earlier pass, is for the next pass to take. */
async function runBatch(input: SliceInput, number: number): Promise<BatchEnd | undefined> {
  const { ref, pass, stages, inward } = input;
  // The batch's id hangs on the campaign, so that two passes can never run one batch at once.
  const campaign = workflowInfo().workflowId.replace(/\/slice\/[^/]+$/, '');
  try {
    return await executeChild(batch, {
      typedSearchAttributes: inheritedAttributes(),
      workflowId: workflowId.batch(campaign, number),
      workflowTaskTimeout: '2s',
      args: [{ ref, batch: number, pass, stages, inward }],
      staticSummary: `batch ${number}, pass ${pass}: ${stages.join(' ▸ ')}`,
    });
  } catch (error) {
    log.warn('a batch failed; the next pass takes it', { batch: number, error: String(error) });
    await shortly.leaveBatch({ ref, batch: number, finished: false });
    return undefined;
  }
}
