import { setTimeout as delay } from 'node:timers/promises';
import { processorSeconds, residentMiB } from './campaign-processes.ts';
import { createCampaign, order } from './campaign-sandbox.ts';
import type { Figure } from './figure.ts';
import { countAsleep } from './flows-ledger.ts';
import { type FlowsPlace, withFlows } from './flows-place.ts';
import { until } from './gate-place.ts';

/** Campaigns that are asleep, and the customers of each. */
const most = 1_000;
const customersEach = 10;

/** Webhooks that are under way at once. */
const atOnce = 10;

const leadTimeDays = 30;

export interface AsleepOptions {
  /** In all campaigns together; fewer than 10,000 make fewer campaigns. */
  customers: number;
  /** The length of each of the two quiet times. */
  seconds: number;
}

/** What campaigns in their lead time cost a worker that has nothing else to do. */
export function benchAsleep({ customers, seconds }: AsleepOptions): Promise<Figure[]> {
  return withFlows({ flow: 'executions', isLimited: false }, async (place) => {
    const campaigns = Math.min(most, Math.ceil(customers / customersEach));
    // Whoever has never worked has not loaded what work takes.
    await putToSleep(place, 1, 0);
    const without = await quietly(place, seconds);
    tell('with one campaign asleep', without);
    await putToSleep(place, campaigns, 1);
    const beside = await quietly(place, seconds);
    tell(`with ${campaigns.toLocaleString('en')} more`, beside);
    return [
      {
        what: `asleep: what ${campaigns.toLocaleString('en')} campaigns cost the worker, of a core`,
        measured: beside.percent - without.percent,
        atMost: 1,
        unit: 'points',
      },
    ];
  });
}

/** Has so many campaigns sent, besides those there are, and waits until all of them sleep. */
async function putToSleep(place: FlowsPlace, campaigns: number, there: number): Promise<void> {
  const left = Array.from({ length: campaigns }).values();
  const lane = async (): Promise<void> => {
    for (const _ of left) {
      const campaign = { customers: customersEach, flow: 'executions', leadTimeDays } as const;
      await order(place, await createCampaign(place, campaign), 'execute');
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const boundMs = 120_000 + 1_000 * campaigns;
  const isAsleep = async () => (await countAsleep(place.ledger)) === there + campaigns;
  await until('not all are asleep', boundMs, isAsleep);
}

interface Quiet {
  /** Of one core. */
  percent: number;
  memoryMiB: number;
}

/** An idle worker collects its garbage some ten seconds after it was busy. */
const calmMs = 20_000;

/** What the worker spends while nothing happens, from when what was before it has died away. */
async function quietly({ promoflow }: FlowsPlace, seconds: number): Promise<Quiet> {
  const { pid } = promoflow.worker;
  await delay(calmMs);
  const before = processorSeconds(pid);
  await delay(seconds * 1_000);
  const spent = processorSeconds(pid) - before;
  return { percent: (100 * spent) / seconds, memoryMiB: residentMiB(pid) };
}

function tell(what: string, { percent, memoryMiB }: Quiet): void {
  console.log(
    `  ${what}: the worker spends ${percent.toFixed(2)} % of a core, and holds ${memoryMiB.toFixed(0)} MiB`,
  );
}
