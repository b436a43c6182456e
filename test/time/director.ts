import { proxyActivities, sleep } from '@temporalio/workflow';

const { act } = proxyActivities<{ act(cue: number): Promise<void> }>({
  startToCloseTimeout: '1 minute',
});

/** Gives each cue at its virtual instant, milliseconds from the start; the acts are the test's own. */
export async function director(cuesMs: number[]): Promise<void> {
  const begun = Date.now();
  for (const [cue, atMs] of cuesMs.entries()) {
    await sleep(Math.max(1, begun + atMs - Date.now()));
    await act(cue);
  }
}
