/** One measured figure beside its bound. */
export type Figure = { what: string; measured: number; unit: string } & Bound;

type Bound = { atMost: number; atLeast?: never } | { atLeast: number; atMost?: never };

/** Prints the figures; true when all are within their bounds. */
export function show(figures: readonly Figure[]): boolean {
  for (const figure of figures) {
    const { what, measured, unit, atMost, atLeast } = figure;
    const [verdict, bound] = [isWithin(figure) ? 'ok  ' : 'OVER', round(atMost ?? atLeast)];
    const side = atMost === undefined ? 'at least' : 'at most';
    console.log(`${verdict}  ${what}: ${round(measured)} ${unit} (${side} ${bound})`);
  }
  return figures.every(isWithin);
}

function isWithin({ measured, atMost, atLeast }: Figure): boolean {
  return atMost === undefined ? measured >= atLeast : measured <= atMost;
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
