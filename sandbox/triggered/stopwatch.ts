import { createHistogram } from 'node:perf_hooks';

/** Times of answers, in ms. */
export interface Times {
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}

const LONGEST_US = 600_000_000;

/** Node's own HDR histogram: three figures of any time, in a bounded memory. */
export function createStopwatch() {
  const histogram = createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 });
  const inMs = (us: number) => Math.round(us / 10) / 100;
  return {
    record(ms: number): void {
      histogram.record(Math.min(Math.max(Math.round(ms * 1000), 1), LONGEST_US));
    },
    read(): Times {
      if (histogram.count === 0) return { p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
      return {
        p50Ms: inMs(histogram.percentile(50)),
        p99Ms: inMs(histogram.percentile(99)),
        p999Ms: inMs(histogram.percentile(99.9)),
        maxMs: inMs(histogram.max),
      };
    },
  };
}

export type Stopwatch = ReturnType<typeof createStopwatch>;
