import { type Schedule, scheduleArrivals } from './arrivals.ts';
import type { Sender } from './sender.ts';

/** Checks, events or claims on their way: goes on by itself until its time is over. */
export interface Fire {
  /** No more is sent; what was sent is still listened for. */
  stop(): void;
  /** Breaks every connection too. */
  abandon(): Promise<void>;
  /** Fulfilled when everything that was sent has its answer, or was given up. */
  finished: Promise<void>;
}

const LOOK_MS = 20;

/** Opens fire; `isPending` says that something is still to be sent after the last arrival. */
export function openFire(
  schedule: Schedule,
  senders: Sender[],
  arrive: (intendedMs: number) => boolean,
  isPending: () => boolean = () => false,
): Fire {
  const run = scheduleArrivals(schedule, arrive);
  let isAbandoned = false;

  async function finish(): Promise<void> {
    await run.finished;
    while (!isAbandoned && (isPending() || senders.some(({ open }) => open() > 0))) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async function close(): Promise<void> {
    isAbandoned = true;
    run.stop();
    await Promise.all(senders.map((sender) => sender.close()));
  }

  return { stop: run.stop, abandon: close, finished: finish().finally(close) };
}
