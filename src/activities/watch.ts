import { Context } from '@temporalio/activity';

/**
 * Heartbeats tell Temporal that the worker lives, also while an activity waits for its turn. The worker
 * must not throttle them to fewer than this.
 */
const beatMs = 500;

/**
 * Runs an activity's work with a heartbeat. The signal is aborted when the activity is canceled or has
 * timed out: the work looks at it between calls, and an effect on the wire is never cut off.
 */
export async function watched<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), beatMs);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(beat);
  }
}
