import type { PromoflowRun, Run } from './campaign-run.ts';
import { type Figure, median } from './figure.ts';

/** Three ways to do one job. */
export interface Ways {
  /** The calls alone; the calls with the ledger's statements; promoflow. */
  bare(): Promise<Run>;
  stored(): Promise<Run>;
  promoflow(): Promise<PromoflowRun>;
}

/** What a campaign may take beside its floors: the same for every flow. */
const bounds = { full: 1.75, http: 3.3 };

/**
 * The two floors and promoflow in turn, so that a machine that slows down slows all three; a figure is the
 * median of the rounds' ratios. `of` says whose figures they are, where there are several.
 */
export async function besideFloors(
  { customers, rounds, of = '' }: { customers: number; rounds: number; of?: string },
  ways: Ways,
): Promise<{ runs: PromoflowRun[]; figures: Figure[] }> {
  const runs: PromoflowRun[] = [];
  const http: Run[] = [];
  const full: Run[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    console.log(`${of}round ${round}`);
    const bare = await ways.bare();
    tell('HTTP floor', bare);
    const stored = await ways.stored();
    tell('full floor', stored);
    const run = await ways.promoflow();
    tell('promoflow', run);
    for (const other of [bare, stored]) demandSameWork(run, other);
    http.push(bare);
    full.push(stored);
    runs.push(run);
  }
  console.log('medians');
  tellMedians(customers, { 'HTTP floor': http, 'full floor': full, promoflow: runs });
  const ratio = (floors: Run[]) =>
    median(runs.map((run, round) => run.seconds / (floors[round]?.seconds ?? Number.NaN)));
  const [what, unit] = [`${of}promoflow beside the`, '×'];
  const figures = [
    { what: `${what} full floor`, measured: ratio(full), atMost: bounds.full, unit },
    { what: `${what} HTTP floor`, measured: ratio(http), atMost: bounds.http, unit },
  ];
  return { runs, figures };
}

/** The same customers got the same by the same calls, or the times are not of one job. */
function demandSameWork(run: Run, floor: Run): void {
  const workOf = ({ books: { verdict } }: Run) => {
    const { approved, denied, allocated, declined, validated, refused } = verdict;
    // The hourly look for sendings that nobody told of is no part of a campaign.
    const { executed: _, ...tenantCalls } = verdict.tenantCalls;
    return JSON.stringify({
      ...{ approved, denied, allocated, declined, validated, refused },
      tenantCalls: Object.entries(tenantCalls).sort(),
    });
  };
  if (workOf(run) === workOf(floor)) return;
  throw new Error(`The floor did other work than promoflow:\n${workOf(floor)}\n${workOf(run)}`);
}

function tellMedians(customers: number, ways: Record<string, Run[]>): void {
  for (const [name, of] of Object.entries(ways)) {
    const seconds = median(of.map((run) => run.seconds));
    const busy = median(of.map(({ processor }) => sum(Object.values(processor))));
    console.log(
      `  ${name}: ${seconds.toFixed(1)} s (${perSecond(customers, seconds)} customers/s), ` +
        `${busy.toFixed(1)} processor seconds in all`,
    );
  }
}

/** One line a run: its time, and on which processes the processors spent theirs. */
export function tell(what: string, run: Run | PromoflowRun): void {
  const spent = Object.entries(run.processor).map(
    ([name, seconds]) => `${name} ${seconds.toFixed(1)}`,
  );
  const memory = 'workerMiB' in run ? `; worker's peak ${run.workerMiB.toFixed(0)} MiB` : '';
  const disk = 'ledgerMB' in run ? `, ledger ${run.ledgerMB.toFixed(0)} MB` : '';
  console.log(
    `  ${what}: ${run.seconds.toFixed(1)} s; processor seconds: ${spent.join(', ')}${memory}${disk}`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function perSecond(customers: number, seconds: number): string {
  return Math.round(customers / seconds).toLocaleString('en');
}
