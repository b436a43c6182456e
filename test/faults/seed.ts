import { leaveEvidence } from './evidence.ts';
import { judge } from './judgement.ts';
import { type Plan, planOf } from './plan.ts';
import { type Played, play } from './play.ts';
import { openWorld } from './world.ts';

/** How one seed went. */
export interface SeedResult {
  seed: number;
  seconds: number;
  customers: number;
  /** What was done to it, instant by instant. */
  story: string[];
  /** Empty is the only pass. */
  wrong: string[];
  /** The last words of each process that ended by itself, and was started again. */
  falls: string[];
  /** Where the logs, the databases and the books are; only of a seed that failed. */
  evidence: string | undefined;
}

/** Opens a world, plays the seed's plan in it, and has both sides' books judge what came of it. */
export async function runSeed(seed: number, plan = planOf(seed)): Promise<SeedResult> {
  const begunAt = performance.now();
  const { gateways, workers, tenancy } = plan;
  const world = await openWorld({ gateways, workers, tenancy });
  const story: string[] = [];
  const readyAt = performance.now();
  const note = (line: string) =>
    void story.push(`${((performance.now() - readyAt) / 1_000).toFixed(1)} s: ${line}`);
  let campaigns: Played[] = [];
  let wrong: string[] = [];
  try {
    campaigns = await play(world, plan, note);
    note('everything is settled');
    wrong = await judge(world, campaigns);
  } catch (error) {
    wrong = [error instanceof Error ? error.message : String(error)];
  }
  const hasFailed = wrong.length > 0;
  if (hasFailed) await leaveEvidence(world, { plan, story, wrong, campaigns });
  const processes = [...world.workers, ...world.gateways];
  await world.close({ keepsFolder: hasFailed });
  return {
    seed,
    seconds: (performance.now() - begunAt) / 1_000,
    customers: customersOf(plan),
    story,
    wrong,
    falls: processes.flatMap(({ name, falls }) => falls().map((words) => `${name}: ${words}`)),
    evidence: hasFailed ? world.folder : undefined,
  };
}

function customersOf(plan: Plan): number {
  return plan.campaigns.reduce((sum, { options }) => sum + options.customers, 0);
}
