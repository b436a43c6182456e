import { log } from '@temporalio/workflow';
import type { WalkEnd } from '../activities/batch.ts';
import type { Stage } from '../domain/flow.ts';
import { activityId } from './ids.ts';
import { effects, ledger } from './proxies.ts';

/** How a pass walks its batches. */
export interface Walk {
  ref: number;
  pass: number;
  stages: Stage[];
}

/**
 * One batch of up to 10,000 customers walks the recipe's stages, one after another, until something
 * stops it. It never takes anything back: what is to be revoked is decided, and done, by the revocation
 * story.
 */
export async function walkBatch({ ref, pass, stages }: Walk, batch: number): Promise<WalkEnd> {
  let end: WalkEnd = {};
  for (const stage of stages) {
    const isLast = stage === stages.at(-1);
    end = await effects.walkStage.executeWithOptions(
      { summary: `batch ${batch}: ${stage}`, activityId: activityId.batch(batch, stage) },
      [{ ref, batch, stage, pass, isLast }],
    );
    if (end.stopped) {
      log.info('the batch waits for the next pass', { batch, stage, stopped: end.stopped });
      await ledger.leaveBatch({ ref, batch });
      return end;
    }
  }
  return end;
}
