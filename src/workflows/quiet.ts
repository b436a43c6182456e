import { sleep } from '@temporalio/workflow';
import { ledger } from './proxies.ts';

/** What is on the wire is mostly answered long before its time is over: looked at again so soon. */
const firstLookMs = 1_000;

/**
 * Waits until no giving or approving effect of a campaign can be on the wire any longer. Nothing new
 * begins behind it: a fence stands, or the deadline has passed.
 */
export async function quiet(ref: number): Promise<void> {
  for (let lookMs = firstLookMs; ; lookMs *= 2) {
    const aliveForMs = await ledger.forwardAliveFor({ ref });
    if (aliveForMs === 0) return;
    await sleep(Math.min(aliveForMs, lookMs), {
      summary: 'until nothing is on the wire any longer',
    });
  }
}
