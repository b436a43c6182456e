import { arch, availableParallelism, totalmem } from 'node:os';
import { besideFloors, tell } from './beside-floors.ts';
import { type PromoflowRun, runFloor, runPromoflow } from './campaign-run.ts';
import { type Figure, median, show } from './figure.ts';
import { besideLimiter } from './limiter-floor.ts';

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
    const wish = { customers, ids: 'sequential', isLimited: false } as const;
    const beside = await besideFloors(options, {
      bare: () => runFloor(wish, false),
      stored: () => runFloor(wish, true),
      promoflow: () => runPromoflow({ ...wish, profile: options.profile }),
    });
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

/** Optimove's own limit, one key for Optimove and Promotions. */
async function underLimit(customers: number): Promise<Figure[]> {
  const run = await runPromoflow({ customers, ids: 'sequential', isLimited: true });
  tell(`with the limit on (${run.books.limitedCalls} limited calls)`, run);
  const { seconds, books } = run;
  const figures = besideLimiter('with the limit on', { seconds, calls: books.limitedCalls });
  if (figures.length === 0) return [];
  return [
    ...figures,
    { what: 'answers 429', measured: books.verdict.http429, atMost: 0, unit: '' },
  ];
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
