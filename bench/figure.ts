/** One measured figure beside what it must not pass. */
export interface Figure {
  what: string;
  measured: number;
  atMost: number;
  unit: string;
}

/** Prints the figures; true when all are within their bounds. */
export function show(figures: readonly Figure[]): boolean {
  for (const { what, measured, atMost, unit } of figures) {
    const verdict = measured <= atMost ? 'ok  ' : 'OVER';
    console.log(`${verdict}  ${what}: ${round(measured)} ${unit} (at most ${round(atMost)})`);
  }
  return figures.every(({ measured, atMost }) => measured <= atMost);
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
