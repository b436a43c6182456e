import { log } from '@temporalio/workflow';
import type { Stage } from '../domain/flow.ts';
import { activityId } from './ids.ts';
import { effects } from './proxies.ts';

/** How a pass walks its batches. */
export interface Walk {
  ref: number;
  pass: number;
  stages: Stage[];
}

export interface BatchEnd {
  finished: boolean;
  /** Why the batch ended before its recipe did. */
  stopped: string | undefined;
}

/**
 * One batch of up to 10,000 customers walks the recipe's stages, one after another. It never takes
 * anything back: what is to be revoked is decided, and done, by the revocation story.
 */
export async function walkBatch({ ref, pass, stages }: Walk, batch: number): Promise<BatchEnd> {
  let finished = false;
  for (const stage of stages) {
    const isLast = stage === stages.at(-1);
    const end = await effects.walkStage.executeWithOptions(
      { summary: `batch ${batch}: ${stage}`, activityId: activityId.batch(batch, stage) },
      [{ ref, batch, stage, pass, isLast }],
    );
    if (end.stopped) {
      log.info('the batch waits for the next pass', { batch, stage, stopped: end.stopped });
      return { finished: false, stopped: end.stopped };
    }
    finished = end.finished ?? false;
  }
  return { finished, stopped: undefined };
}
