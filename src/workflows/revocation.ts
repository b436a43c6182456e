import { continueAsNew, log, sleep, workflowInfo } from '@temporalio/workflow';
import { sliceBatches } from '../domain/batching.ts';
import type { RevocationReason } from '../domain/words.ts';
import { inLanes } from './lanes.ts';
import { effects, ledger } from './proxies.ts';

export interface RevocationInput {
  ref: number;
  reason: RevocationReason;
  lanes: number;
}

/** A round that got nowhere is repeated after this long: the platform may refuse, or be away. */
const pauseMs = 15_000;

/**
 * Takes back what one reason selects, until nothing is left of it: the only place that takes back in
 * bulk. It is driven by the ledger alone, so that it can be run again at any time.
 */
export async function revocation(input: RevocationInput): Promise<void> {
  const { ref, reason, lanes } = input;
  let before = Infinity;
  for (;;) {
    const batches = await ledger.batchesToRevoke({ ref, reason });
    if (batches.length === 0) return;
    if (batches.length >= before) {
      await sleep(pauseMs, { summary: 'some could not be taken back yet' });
    }
    before = batches.length;
    await inLanes(batches.slice(0, sliceBatches), lanes, takeBack);
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof revocation>(input);
  }

  /** A batch that fails is found again by the next round. */
  async function takeBack(batch: number): Promise<void> {
    try {
      await effects.revokeBatch({ ref, batch, reason });
    } catch (error) {
      log.warn('a batch could not be taken back yet', { batch, error: String(error) });
    }
  }
}
