import { arch, availableParallelism, totalmem } from 'node:os';
import { type PromoflowRun, type Run, runFloor, runPromoflow } from './campaign-run.ts';
import { documentedLimit } from './campaign-tenant.ts';
import { type Figure, median, show } from './figure.ts';

/** The parts of the bench, in the order in which they run. */
export const campaignParts = ['floors', 'limited', 'disk', 'large'] as const;
export type CampaignPart = (typeof campaignParts)[number];

export interface CampaignOptions {
  customers: number;
  rounds: number;
  parts: readonly CampaignPart[];
  /** Where the worker's processor profiles go; measured times are slower with it. */
  profile: string | undefined;
}

const million = 1_000_000;

/** A whole campaign on this machine: beside its floors, under Optimove's limit, ten times as large. */
export async function benchCampaign(options: CampaignOptions): Promise<boolean> {
  const { customers, rounds, parts } = options;
  const memory = Math.round(totalmem() / 2 ** 30);
  console.log(
    `${availableParallelism()} cores (${arch()}), ${memory} GiB, Node ${process.version}; ` +
      `${customers.toLocaleString('en')} customers, ${rounds} round(s)\n`,
  );
  const measured: PromoflowRun[] = [];
  const figures: Figure[] = [];
  if (parts.includes('floors')) {
    const beside = await besideFloors(options);
    measured.push(...beside.runs);
    figures.push(...beside.figures);
  }
  if (parts.includes('limited')) figures.push(...(await underLimit(customers)));
  const rest = parts.filter((part) => part === 'disk' || part === 'large');
  if (rest.length > 0 && measured.length === 0) measured.push(await runOnce(options, customers));
  if (parts.includes('disk')) figures.push(...(await onDisk(customers, measured)));
  if (parts.includes('large')) figures.push(...(await tenTimes(options, measured)));
  console.log('');
  return show(figures);
}

async function runOnce(
  { profile }: Pick<CampaignOptions, 'profile'>,
  customers: number,
): Promise<PromoflowRun> {
  const run = await runPromoflow({ customers, ids: 'sequential', isLimited: false, profile });
  tell('promoflow', run);
  return run;
}

/** The two floors and promoflow in turn, so that a machine that slows down slows all three. */
async function besideFloors(
  options: CampaignOptions,
): Promise<{ runs: PromoflowRun[]; figures: Figure[] }> {
  const { customers, rounds } = options;
  const wish = { customers, ids: 'sequential', isLimited: false } as const;
  const runs: PromoflowRun[] = [];
  const http: Run[] = [];
  const full: Run[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    console.log(`round ${round}`);
    const bare = await runFloor(wish, false);
    tell('HTTP floor', bare);
    const stored = await runFloor(wish, true);
    tell('full floor', stored);
    const run = await runOnce(options, customers);
    for (const other of [bare, stored]) demandSameWork(run, other);
    http.push(bare);
    full.push(stored);
    runs.push(run);
  }
  const ratio = (floors: Run[]) =>
    median(runs.map((run, round) => run.seconds / (floors[round]?.seconds ?? Number.NaN)));
  console.log('medians');
  for (const [name, of] of Object.entries({
    'HTTP floor': http,
    'full floor': full,
    promoflow: runs,
  })) {
    const seconds = median(of.map((run) => run.seconds));
    const busy = median(of.map(({ processor }) => sum(Object.values(processor))));
    console.log(
      `  ${name}: ${seconds.toFixed(1)} s (${perSecond(customers, seconds)} customers/s), ` +
        `${busy.toFixed(1)} processor seconds in all`,
    );
  }
  const figures = [
    { what: 'promoflow beside the full floor', measured: ratio(full), atMost: 1.75, unit: '×' },
    { what: 'promoflow beside the HTTP floor', measured: ratio(http), atMost: 3.3, unit: '×' },
  ];
  return { runs, figures };
}

/** The same customers got the same by the same calls, or the times are not of one job. */
function demandSameWork(run: Run, floor: Run): void {
  const workOf = ({ books: { verdict } }: Run) => {
    const { approved, denied, allocated, declined, validated, refused, tenantCalls } = verdict;
    return JSON.stringify({
      approved,
      denied,
      allocated,
      declined,
      validated,
      refused,
      tenantCalls,
    });
  };
  if (workOf(run) === workOf(floor)) return;
  throw new Error(`The floor did other work than promoflow:\n${workOf(floor)}\n${workOf(run)}`);
}

/** Optimove's own limit, one key for Optimove and Promotions. */
async function underLimit(customers: number): Promise<Figure[]> {
  const run = await runPromoflow({ customers, ids: 'sequential', isLimited: true });
  tell(`with the limit on (${run.books.limitedCalls} limited calls)`, run);
  const floorSeconds = limiterFloor(run.books.limitedCalls);
  if (floorSeconds === 0) {
    console.log('  so few customers never feel the limit: take 200,000 or more');
    return [];
  }
  return [
    {
      what: `with the limit on, beside the ${floorSeconds} s that ${run.books.limitedCalls} calls need`,
      measured: run.seconds / floorSeconds,
      atMost: 1.15,
      unit: '×',
    },
    { what: 'answers 429', measured: run.books.verdict.http429, atMost: 0, unit: '' },
  ];
}

/** The earliest second at which the last of so many calls can arrive: each window opens at once. */
function limiterFloor(calls: number): number {
  const { requests, perSeconds } = documentedLimit;
  return Math.floor((calls - 1) / requests) * perSeconds;
}

/** The ledger after a campaign, by the length of the customers' ids. */
async function onDisk(customers: number, measured: readonly PromoflowRun[]): Promise<Figure[]> {
  const long = await runPromoflow({ customers, ids: 'uuid', isLimited: false });
  tell('promoflow, ids of 36 characters', long);
  const perMillion = (megabytes: number) => (megabytes * million) / customers;
  const [what, unit] = ['ledger on disk per 1,000,000 customers, ids of', 'MB'];
  const short = median(measured.map(({ ledgerMB }) => ledgerMB));
  return [
    { what: `${what} 10 characters`, measured: perMillion(short), atMost: 150, unit },
    { what: `${what} 36 characters`, measured: perMillion(long.ledgerMB), atMost: 200, unit },
  ];
}

/**
 * Ten times the customers: the time must grow with them, the worker's memory must not. The large run takes
 * minutes, in which a shared machine changes its speed: it is held beside small ones before and after it.
 */
async function tenTimes(
  options: CampaignOptions,
  before: readonly PromoflowRun[],
): Promise<Figure[]> {
  const { customers } = options;
  const large = await runOnce({ profile: undefined }, 10 * customers);
  const after = await runOnce(options, customers);
  const measured = [...before, after];
  const seconds = (median(before.map((run) => run.seconds)) + after.seconds) / 2;
  const memory = median(measured.map(({ workerMiB }) => workerMiB));
  const [ten, one] = [10 * customers, customers].map((count) => count.toLocaleString('en'));
  return [
    { what: `${ten} beside ${one}`, measured: large.seconds / seconds, atMost: 10.5, unit: '×' },
    {
      what: `the worker's peak memory beside that at ${one}`,
      measured: large.workerMiB / memory,
      atMost: 1.2,
      unit: '×',
    },
    {
      what: `the worker's peak memory at ${ten}`,
      measured: large.workerMiB,
      atMost: 640,
      unit: 'MiB',
    },
  ];
}

/** One line a run: its time, and on which processes the processors spent theirs. */
function tell(what: string, run: Run | PromoflowRun): void {
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
