/** How much of a check's time is kept for writing its answer down, milliseconds. */
export const settleMs = 25;

/** Samples that tell what a far side needs now: so many, and none older than this. */
const samples = 128;
const recentMs = 3_000;

const knownForMs = 250;

/** What a step takes where nothing recent tells. */
const leastMs = 20;

/** How long one step has taken lately. */
export interface Pace {
  note(tookMs: number): void;
  /** The time that 95 of 100 recent ones kept to; with none, the least that is expected. */
  expectedMs(): number;
}

/**
 * Remembers how long a step takes. Samples are forgotten soon, so that a far side that was slow is tried
 * again: while it counts as slow nothing is sent that could tell otherwise.
 */
export function createPace(now: () => number = () => performance.now()): Pace {
  const noted: { at: number; tookMs: number }[] = [];
  let known = { expectedMs: leastMs, until: Number.NEGATIVE_INFINITY };
  return {
    note(tookMs) {
      known.until = Number.NEGATIVE_INFINITY;
      noted.push({ at: now(), tookMs });
      if (noted.length > samples) noted.shift();
    },
    expectedMs() {
      // Every check asks.
      if (now() < known.until) return known.expectedMs;
      const since = now() - recentMs;
      const recent = noted.filter(({ at }) => at >= since).map(({ tookMs }) => tookMs);
      const expectedMs = Math.max(leastMs, percentile(recent, 0.95) ?? leastMs);
      known = { expectedMs, until: now() + knownForMs };
      return expectedMs;
    },
  };
}

/** The smallest value that so many of all are not above; undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** Whether steps that take so long in all can be answered within what is left. */
export function fits(leftMs: number, expectedMs: number): boolean {
  return leftMs >= expectedMs + settleMs;
}
