import { availableParallelism } from 'node:os';
import { type Figure, show } from './figure.ts';
import { benchAsleep } from './flows-asleep.ts';
import { benchCanceled } from './flows-canceled.ts';
import { benchExecuted, type ExecutedOptions } from './flows-executed.ts';
import { benchExpiry } from './flows-expiry.ts';
import { benchPublisher } from './flows-publisher.ts';
import { benchTenants } from './flows-tenants.ts';
import { benchTogether } from './flows-together.ts';

/** The parts of the bench, in the order in which they run. */
export const flowsParts = [
  'publisher',
  'automatic',
  'executions',
  'expiry',
  'canceled',
  'together',
  'tenants',
  'asleep',
] as const;
export type FlowsPart = (typeof flowsParts)[number];

export interface FlowsOptions extends ExecutedOptions {
  /** The length of each quiet time of those who are asleep. */
  seconds: number;
  parts: readonly FlowsPart[];
}

const benches: Record<FlowsPart, (options: FlowsOptions) => Promise<Figure[]>> = {
  publisher: benchPublisher,
  automatic: (options) => benchExecuted('automatic', options),
  executions: (options) => benchExecuted('executions', options),
  expiry: benchExpiry,
  canceled: benchCanceled,
  together: benchTogether,
  tenants: benchTenants,
  asleep: benchAsleep,
};

/** What follows on a campaign's sending, its end and its deletion, and campaigns beside each other. */
export async function benchFlows(options: FlowsOptions): Promise<boolean> {
  const { customers, rounds, parts } = options;
  console.log(
    `${availableParallelism()} cores, Node ${process.version}; ` +
      `${customers.toLocaleString('en')} customers, ${rounds} round(s) beside floors\n`,
  );
  const figures: Figure[] = [];
  for (const part of parts) {
    console.log(part);
    figures.push(...(await benches[part](options)));
  }
  console.log('');
  return show(figures);
}
