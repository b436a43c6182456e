import { log } from '@temporalio/workflow';
import type { Stage } from '../domain/flow.ts';
import { effects, shortly } from './proxies.ts';

export interface BatchInput {
  ref: number;
  batch: number;
  pass: number;
  stages: Stage[];
  /** Those of the stages that ask the ledger alone. */
  inward: Stage[];
}

export interface BatchEnd {
  finished: boolean;
  /** Why the batch ended before its recipe did. */
  stopped: string | null;
}

/**
 * One batch of up to 10,000 customers walks the recipe's stages, one after another. It never takes
 * anything back: what is to be revoked is decided, and done, by the revocation story.
 */
export async function batch(input: BatchInput): Promise<BatchEnd> {
  const { ref, batch, pass, stages, inward } = input;
  for (const stage of stages) {
    const walking = inward.includes(stage) ? shortly.walkInward : effects.walkStage;
    const end = await walking.executeWithOptions({ summary: stage }, [{ ref, batch, stage, pass }]);
    if (end.stopped) {
      log.info('the batch waits for the next pass', { stage, stopped: end.stopped });
      await shortly.leaveBatch({ ref, batch, finished: false });
      return { finished: false, stopped: end.stopped };
    }
  }
  return { finished: await shortly.leaveBatch({ ref, batch, finished: true }), stopped: null };
}
