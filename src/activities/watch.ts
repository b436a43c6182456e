import { Context } from '@temporalio/activity';

/** The worker must not throttle heartbeats to fewer than this. */
const beatMs = 500;

/**
 * An interceptor of the worker: every activity beats, also while it waits for its turn or for the
 * ledger, so that Temporal notices a dead worker soon, whatever it was at.
 */
export function beat(context: Context) {
  return {
    inbound: {
      async execute<I>(input: I, next: (input: I) => Promise<unknown>): Promise<unknown> {
        // A local one belongs to its workflow task, which Temporal watches itself.
        if (context.info.isLocal) return next(input);
        const beating = setInterval(() => context.heartbeat(), beatMs);
        try {
          return await next(input);
        } finally {
          clearInterval(beating);
        }
      },
    },
  };
}

/**
 * Runs work that may take long. The signal is aborted when the activity is canceled or has timed out:
 * the work looks at it between calls, and an effect on the wire is never cut off.
 */
export async function watched<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return work(Context.current().cancellationSignal);
}
