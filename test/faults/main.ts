import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { flowPlanOf, type PlayedFlow, playedFlows } from './flow-plan.ts';
import { runGateSeed } from './gate-seed.ts';
import { farSides, type Outage, playOutage } from './outage.ts';
import { planOf } from './plan.ts';
import { plantedBugs } from './planted.ts';
import { plantAll } from './planting.ts';
import { measureRecovery } from './recovery.ts';
import { runSeed, type SeedResult } from './seed.ts';

const usage = `npm run faults -- [--gate] [--seeds N] [--seed S] [--parallel P] [--json]
npm run faults -- --flows FLOW [--seeds N] [--seed S] [--parallel P] [--json]
npm run faults -- --recovery [--seeds N] [--json]
npm run faults -- --outages [--json]
npm run faults -- --planted [--only NAME] [--json]

  --gate         checks are asked while gateways die, instead of campaigns run
  --flows FLOW   campaigns are played beyond their sending: managed, publisher, automatic, executions, or all
  --seeds N      how many seeds to play, or kills to measure (10)
  --seed S       the first of them (1); alone: this seed only, with its story
  --parallel P   how many worlds at once (3; with --gate 1, because answers are timed)
  --json         one JSON object as the last line of the output
  --recovery     kills a busy worker N times, and tells how soon work goes on
  --outages      takes each far side away for a minute in the middle of two campaigns
  --planted      plants each known bug in a copy, and shows what catches it
  --only NAME    only the planted bugs whose name begins so`;

/** As long as a far side must be able to be away, milliseconds. */
const outageMs = 60_000;

interface Wishes {
  first: number;
  seeds: number;
  parallel: number;
  json: boolean;
  gate: boolean;
  flows: PlayedFlow | 'all' | undefined;
  recovery: boolean;
  outages: boolean;
  planted: boolean;
  only: string;
}

function readWishes(): Wishes {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      parallel: { type: 'string' },
      json: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      flows: { type: 'string' },
      recovery: { type: 'boolean', default: false },
      outages: { type: 'boolean', default: false },
      planted: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
    },
  });
  const { seed, seeds = seed === undefined ? '10' : '1', flows: wished, ...rest } = values;
  const flows = [...playedFlows, 'all' as const].find((flow) => flow === wished);
  if (wished !== undefined && flows === undefined) {
    throw new Error(`--flows takes ${playedFlows.join(', ')} or all, not ${wished}\n\n${usage}`);
  }
  const { parallel = rest.gate ? '1' : '3', ...more } = rest;
  const numbers = { first: Number(seed ?? 1), seeds: Number(seeds), parallel: Number(parallel) };
  for (const number of Object.values(numbers)) {
    if (Number.isInteger(number) && number > 0) continue;
    throw new Error(`--seeds, --seed and --parallel take whole numbers from 1 on\n\n${usage}`);
  }
  return { ...numbers, ...more, flows };
}

async function playSeeds(wishes: Wishes): Promise<number> {
  const { first, seeds, parallel, json, gate, flows } = wishes;
  const planned = (seed: number) =>
    flows === undefined ? planOf(seed) : flowPlanOf(seed, flows === 'all' ? undefined : flows);
  const results: SeedResult[] = [];
  const left = Array.from({ length: seeds }, (_, index) => first + index).values();
  const lane = async (): Promise<void> => {
    for (const seed of left) {
      const result = await (gate ? runGateSeed(seed) : runSeed(seed, planned(seed)));
      results.push(result);
      const option = gate ? '--gate ' : flows === undefined ? '' : `--flows ${flows} `;
      tell(result, { withStory: seeds === 1, gate, option });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, seeds) }, lane));
  results.sort((a, b) => a.seed - b.seed);
  const failed = results.filter(({ wrong }) => wrong.length > 0);
  say(`${results.length} seeds, ${failed.length} failed`);
  if (json) process.stdout.write(`${JSON.stringify({ seeds: results, failed: failed.length })}\n`);
  return failed.length === 0 ? 0 : 1;
}

function tell(
  result: SeedResult,
  { withStory, gate, option }: { withStory: boolean; gate: boolean; option: string },
): void {
  const { seed, seconds, customers, story, wrong, falls, evidence } = result;
  const people = `${customers} ${gate ? 'checks' : 'customers'}`;
  const figures = `${people}, ${seconds.toFixed(0)} s, ${falls.length} restarts by itself`;
  say(`seed ${seed}: ${wrong.length === 0 ? 'ok' : 'FAILED'} (${figures})`);
  if (wrong.length === 0 && !withStory) return;
  for (const line of story) say(`    ${line}`);
  for (const line of falls) say(`    ended by itself: ${line}`);
  for (const line of wrong) say(`  ✗ ${line}`);
  if (evidence === undefined) return;
  say(`  evidence: ${evidence}\n  again:    npm run faults -- ${option}--seed ${seed}`);
}

/** Each kill in a world of its own; on a quiet machine these are the figures that must hold. */
async function playRecovery({ seeds, json }: Wishes): Promise<number> {
  const table = new Table({ head: ['kill', 'effects a second', 'first effect', 'full speed'] });
  const recoveries: Awaited<ReturnType<typeof measureRecovery>>[] = [];
  for (let kill = 1; kill <= seeds; kill += 1) {
    const recovery = await measureRecovery();
    recoveries.push(recovery);
    const { pace, firstEffectMs, fullSpeedMs } = recovery;
    table.push([kill, pace.toFixed(0), `${firstEffectMs} ms`, `${fullSpeedMs} ms`]);
  }
  say(table.toString());
  if (json) process.stdout.write(`${JSON.stringify({ recoveries })}\n`);
  const isQuick = recoveries.every(
    ({ firstEffectMs, fullSpeedMs }) => firstEffectMs <= 3_000 && fullSpeedMs <= 12_000,
  );
  return isQuick ? 0 : 1;
}

/** Each far side in a world of its own; what is not sound throws. */
async function playOutages({ json }: Wishes): Promise<number> {
  const table = new Table({ head: ['away', 'approved, with time left', 'approved, cut off'] });
  const outages: Outage[] = [];
  for (const farSide of farSides) {
    const outage = await playOutage(farSide, outageMs);
    outages.push(outage);
    table.push([farSide, outage.approvedInTime, outage.approvedCutOff]);
  }
  say(table.toString());
  if (json) process.stdout.write(`${JSON.stringify({ outages })}\n`);
  return 0;
}

async function playPlanted({ only, json }: Wishes): Promise<number> {
  const bugs = plantedBugs.filter(({ name }) => name.startsWith(only));
  if (bugs.length === 0) throw new Error(`no planted bug has a name that begins with "${only}"`);
  const planted = await plantAll(bugs, ({ name, outcome, says }) => {
    say(`${outcome === 'red' ? 'caught  ' : 'SURVIVED'} ${name}\n         ${says}`);
  });
  const table = new Table({
    head: ['planted', 'caught by', ''],
    wordWrap: true,
    colWidths: [46, 70, 7],
  });
  for (const { name, caughtBy, outcome } of planted) table.push([name, caughtBy, outcome]);
  say(table.toString());
  const survivors = planted.filter(({ outcome }) => outcome === 'green');
  say(`${planted.length} planted, ${survivors.length} survived`);
  if (json) process.stdout.write(`${JSON.stringify({ planted })}\n`);
  return survivors.length === 0 ? 0 : 1;
}

function play(wishes: Wishes): Promise<number> {
  if (wishes.planted) return playPlanted(wishes);
  if (wishes.outages) return playOutages(wishes);
  return wishes.recovery ? playRecovery(wishes) : playSeeds(wishes);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  process.exitCode = await play(readWishes());
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
