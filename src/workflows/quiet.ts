import { sleep } from '@temporalio/workflow';
import { ledger } from './proxies.ts';

/**
 * Waits until no giving or approving effect of a campaign can be on the wire any longer. Nothing new
 * begins behind it: a fence stands, or the deadline has passed.
 */
export async function quiet(ref: number): Promise<void> {
  for (;;) {
    const aliveForMs = await ledger.forwardAliveFor({ ref });
    if (aliveForMs === 0) return;
    await sleep(aliveForMs, { summary: 'until nothing is on the wire any longer' });
  }
}
