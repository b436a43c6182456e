import { continueAsNew, log, sleep, workflowInfo } from '@temporalio/workflow';
import { cut, sliceBatches } from '../domain/batching.ts';
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
  let before: readonly number[] | undefined;
  for (;;) {
    const batches = await ledger.batchesToRevoke({ ref, reason });
    if (batches.length === 0) return;
    if (before && batches.length >= before.length && batches[0] === before[0]) {
      await sleep(pauseMs, { summary: 'some could not be taken back yet' });
    }
    before = batches;
    await inLanes(cut(batches, sizeOf(batches)).slice(0, sliceBatches), lanes, takeBack);
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof revocation>(input);
  }

  /** A batch that fails is found again by the next round. */
  async function takeBack([batch = 0, ...more]: number[]): Promise<void> {
    try {
      await effects.revokeBatch({ ref, batch, reason, ...(more.length > 0 && { more }) });
    } catch (error) {
      log.warn('a batch could not be taken back yet', { batch, error: String(error) });
    }
  }
}

/** So many batches are those of a campaign's own audience; more are pools, and small. */
const mostOfAudience = 500;

/** How many batches an activity takes: pools go together, so that a round takes all of them. */
function sizeOf(batches: readonly number[]): number {
  return batches.length > mostOfAudience ? Math.ceil(batches.length / sliceBatches) : 1;
}
