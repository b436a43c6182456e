/** What a run takes from a gathering, at the last moment: who comes while it waits goes with it. */
export interface Drain<T> {
  /** The earliest that waits. */
  first(): T | undefined;
  /** Takes the earliest, at most so many. */
  take(most: number): T[];
  /** Puts back what could not go yet, in its old place. */
  putBack(items: readonly T[]): void;
}

export interface Gathering<T> {
  add(item: T): void;
  waiting(): number;
  first(): T | undefined;
  isIdle(): boolean;
}

/**
 * Gathers what comes while a few runs are under way, and starts the next run for all of it as soon as
 * one of them ends, but never two within `gapMs`: many runs of few would cost more than they save. The gap may
 * be made of what the last run took, so that a machine that is short of time does less of it. A run never
 * rejects, and takes what it was started for: what it leaves starts the next.
 */
export function gather<T>(
  lanes: number,
  run: (drain: Drain<T>) => Promise<void>,
  gapMs: number | ((tookMs: number) => number) = 0,
): Gathering<T> {
  const gapOf = typeof gapMs === 'number' ? () => gapMs : gapMs;
  let tookMs = 0;
  let waiting: T[] = [];
  let running = 0;
  let startedAt = Number.NEGATIVE_INFINITY;
  let isCalled = false;

  const drain: Drain<T> = {
    first: () => waiting[0],
    take(most) {
      const taken = waiting.slice(0, most);
      waiting = waiting.slice(most);
      return taken;
    },
    putBack(items) {
      waiting = [...items, ...waiting];
    },
  };

  /** In the next turn of the loop at the earliest, so that all that came in this one goes together. */
  function call(): void {
    if (isCalled || running >= lanes || waiting.length === 0) return;
    isCalled = true;
    const waitMs = startedAt + gapOf(tookMs) - performance.now();
    if (waitMs > 0) setTimeout(start, waitMs);
    else setImmediate(start);
  }

  function start(): void {
    isCalled = false;
    if (running >= lanes || waiting.length === 0) return;
    running += 1;
    const runAt = performance.now();
    startedAt = runAt;
    void run(drain).finally(() => {
      running -= 1;
      tookMs = performance.now() - runAt;
      call();
    });
  }

  return {
    add(item) {
      waiting.push(item);
      call();
    },
    waiting: () => waiting.length,
    first: () => waiting[0],
    isIdle: () => running === 0 && waiting.length === 0,
  };
}
