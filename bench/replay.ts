import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundledStories } from '../src/stories.ts';
import { median, show } from './figure.ts';

/** The longest history of a campaign of 1,000,000, and a short one: what any replay costs. */
const largest = 'slice-largest';
const smallest = 'slice';
const rounds = 15;

/** How long a worker takes to go on with a story that it does not hold in its cache. */
export async function benchReplay(): Promise<boolean> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflowBundle = { codePath: await bundledStories() };

  async function processorMs(name: string): Promise<number> {
    const file = fileURLToPath(new URL(`../test/histories/${name}.json`, import.meta.url));
    const { workflowId, history } = JSON.parse(readFileSync(file, 'utf8'));
    const before = process.cpuUsage();
    await Worker.runReplayHistory({ workflowBundle }, historyFromJSON(history), workflowId);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  }

  // The first replay of a process also starts the SDK's own runtime.
  await processorMs(smallest);
  const times = { largest: [] as number[], smallest: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.smallest.push(await processorMs(smallest));
    times.largest.push(await processorMs(largest));
  }
  const floor = median(times.smallest);
  return show([
    {
      what: 'replay of the largest history, processor time',
      measured: median(times.largest),
      atMost: 500,
      unit: 'ms',
    },
    {
      what: `the same beside the replay of three batches (${floor.toFixed(0)} ms)`,
      measured: median(times.largest) / floor,
      atMost: 10,
      unit: '×',
    },
  ]);
}
