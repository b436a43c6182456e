import { leaveEvidence } from './evidence.ts';
import { gatePlanOf } from './gate-plan.ts';
import { judgeGate, playGate } from './gate-play.ts';
import type { SeedResult } from './seed.ts';
import { openWorld, tenant } from './world.ts';

/** Opens a world with two gates, plays the seed's fire and trouble, and has both sides' books judge it. */
export async function runGateSeed(seed: number): Promise<SeedResult> {
  const begunAt = performance.now();
  const plan = gatePlanOf(seed);
  const { gateways, workers, tenancy } = plan;
  const world = await openWorld({ gateways, workers, tenancy });
  const story: string[] = [];
  const readyAt = performance.now();
  const note = (line: string) =>
    void story.push(`${((performance.now() - readyAt) / 1_000).toFixed(1)} s: ${line}`);
  const campaigns: { campaignId: string }[] = [];
  let wrong: string[] = [];
  let checks = 0;
  try {
    const campaignId = await playGate(world, plan, note);
    campaigns.push({ campaignId });
    const measures = world.sandbox.checks(tenant, campaignId);
    checks = measures.checks;
    const { allowed, denied, unanswered, connectionFailures, p99Ms } = measures;
    note(
      `${checks} checks: ${allowed} allowed, ${denied} denied, ${unanswered} unanswered, ` +
        `${connectionFailures} unheard, p99 ${p99Ms} ms`,
    );
    wrong = await judgeGate(world, campaignId, plan);
  } catch (error) {
    wrong = [error instanceof Error ? error.message : String(error)];
  }
  const hasFailed = wrong.length > 0;
  if (hasFailed) await leaveEvidence(world, { plan, story, wrong, campaigns });
  const processes = [...world.workers, ...world.gateways];
  await world.close({ keepsFolder: hasFailed });
  return {
    ...{ seed, seconds: (performance.now() - begunAt) / 1_000, customers: checks, story, wrong },
    falls: processes.flatMap(({ name, falls }) => falls().map((words) => `${name}: ${words}`)),
    evidence: hasFailed ? world.folder : undefined,
  };
}
