import { hash } from '../population.ts';

export interface Schedule {
  perSecond: number;
  forSeconds: number;
  arrivals: 'poisson' | 'even';
  seed: number;
}

const GAP = 601;
/** So many at most between two looks at the sockets, when the process fell behind. */
const BURST = 256;

/**
 * Calls `arrive` once for each arrival with the instant it was meant for (ms of `performance.now`),
 * at most about a millisecond late. One timer for all: an arrival costs no timer of its own. What a
 * stall delayed comes right after it and keeps its instant, so that no waiting is left out of the
 * books. Ends when the time is over or `arrive` returns false.
 */
export function scheduleArrivals(
  { perSecond, forSeconds, arrivals, seed }: Schedule,
  arrive: (intendedMs: number) => boolean,
): { stop(): void; finished: Promise<void> } {
  const meanMs = 1000 / perSecond;
  const untilMs = performance.now() + forSeconds * 1000;
  let nextMs = performance.now();
  let count = 0;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();

  function gapMs(): number {
    if (arrivals === 'even') return meanMs;
    const even = (hash(seed, GAP, count) + 0.5) / 2 ** 32;
    return -Math.log(even) * meanMs;
  }

  function turn(): void {
    const nowMs = performance.now();
    for (let burst = 0; nextMs <= nowMs && nextMs < untilMs && burst < BURST; burst += 1) {
      if (isStopped || !arrive(nextMs)) {
        resolve();
        return;
      }
      count += 1;
      nextMs += gapMs();
    }
    if (nextMs >= untilMs) resolve();
    else if (nextMs <= nowMs) setImmediate(attempt);
    else timer = setTimeout(attempt, Math.max(1, nextMs - nowMs));
  }

  function attempt(): void {
    try {
      turn();
    } catch (error) {
      reject(error);
    }
  }

  attempt();
  return {
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      resolve();
    },
    finished: promise,
  };
}

/** Things to be done again after a delay that is the same for all: first in, first out. */
export function createEchoes<Thing>(delayMs: number) {
  let waiting: { dueMs: number; thing: Thing }[] = [];
  let first = 0;
  return {
    /** Not taken yet, due or not. */
    waiting: () => waiting.length - first,
    add(nowMs: number, thing: Thing): void {
      waiting.push({ dueMs: nowMs + delayMs, thing });
    },
    /** The next that is due at this instant, if one is. */
    take(nowMs: number): Thing | undefined {
      const next = waiting[first];
      if (next === undefined || next.dueMs > nowMs) return undefined;
      first += 1;
      if (first > 1024 && first * 2 > waiting.length) {
        waiting = waiting.slice(first);
        first = 0;
      }
      return next.thing;
    },
  };
}
