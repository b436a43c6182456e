import { until } from '../whole/until.ts';
import { judge } from './judgement.ts';
import type { Played } from './play.ts';
import { campaignsSettle } from './settled.ts';
import { openWorld, tenant, type World, type WorldOptions } from './world.ts';

/** How soon work went on after the worker was killed, in milliseconds from its restart. */
export interface Recovery {
  /** Until the first effect arrived at a far side, by the far side's own books. */
  firstEffectMs: number;
  /** Until the end of the first second with four fifths of the effects a second before the kill. */
  fullSpeedMs: number;
  /** Effects a second before the kill. */
  pace: number;
}

/** Several batches in their longest stage, made of many short calls: a steady pace to come back to. */
export const steadyWorld: WorldOptions = {
  tenancy: {
    section: { platform: { maxItemsPerCall: 200 }, scheduled: { lanes: 8 } },
    farSides: { latencyMs: { optimove: 10, promotions: 20, platform: 60, data: 10 } },
  },
};
const customers = 60_000;

const effects = new Set([
  ...['validate', 'allocations', 'upload', 'status', 'redemptions', 'revocations'],
]);

/** Opens a world, kills its worker in the middle of a campaign, restarts it, and reads the books. */
export async function measureRecovery(): Promise<Recovery> {
  const world = await openWorld(steadyWorld);
  try {
    return await killWorker(world);
  } finally {
    await world.close();
  }
}

/** Kills the worker of a world in the middle of a campaign, and waits for the campaign's end. */
export async function killWorker(world: World): Promise<Recovery> {
  const [worker] = world.workers;
  if (!worker) throw new Error('the world has no worker');
  const campaignId = startCampaign(world, { customers });
  await world.sandbox.announce(tenant, campaignId, hookOf(world));
  await until('the pace is steady', () => effectsOf(world, 'allocations').length >= 100, 90_000);

  const killedAt = Date.now();
  await worker.kill();
  const restartedAt = Date.now();
  await worker.start();
  await campaignsSettle(world, [{ campaignId }]);

  const arrived = effectsOf(world).map((at) => at - restartedAt);
  const after = arrived.filter((at) => at >= 0);
  const before = arrived.filter((at) => at < killedAt - restartedAt);
  const pace = paceOf(before);
  return { firstEffectMs: after[0] ?? Infinity, fullSpeedMs: speedsUpAt(after, pace), pace };
}

export function startCampaign(
  { sandbox }: World,
  options: { customers: number; deadlineInSeconds?: number },
): string {
  return sandbox.createCampaign(tenant, {
    deadlineInSeconds: 300,
    severalCodesShare: 0,
    ...options,
  });
}

/** Starts a campaign and waits until it has made so many allocating calls. */
export async function startWork(world: World, customers: number, calls: number): Promise<string> {
  const before = effectsOf(world, 'allocations').length;
  const campaignId = startCampaign(world, { customers });
  await world.sandbox.announce(tenant, campaignId, hookOf(world));
  await until(`${calls} calls`, () => effectsOf(world, 'allocations').length - before >= calls);
  return campaignId;
}

/** Waits for the end of a campaign, and holds it against the invariants and the sandbox's books. */
export async function expectSound(
  world: World,
  campaignId: string,
  how: { hasTime: boolean; cancelAt?: number },
): Promise<void> {
  const { hasTime, cancelAt } = how;
  const plan = { options: { customers: 0 }, announceAtMs: 0, reschedule: undefined };
  const campaign: Played = { campaignId, plan: { ...plan, hasTime, cancelAt } };
  await campaignsSettle(world, [campaign]);
  const violations = await judge(world, [campaign]);
  if (violations.length > 0) throw new Error(`campaign ${campaignId}: ${violations.join('; ')}`);
}

export function hookOf({ hookUrls: [hookUrl] }: World): { hookUrl: string } {
  if (hookUrl === undefined) throw new Error('the world has no gateway');
  return { hookUrl };
}

/** When the effects (of one kind) arrived, epoch milliseconds, in their order. */
export function effectsOf({ sandbox }: World, kind?: string): number[] {
  return sandbox
    .traffic(tenant)
    .timeline.filter((call) => (kind === undefined ? effects.has(call.kind) : call.kind === kind))
    .map((call) => call.arrivedAtMs);
}

/** Arrivals a second, over the last two seconds or as long as there were any. */
function paceOf(arrived: readonly number[]): number {
  const last = arrived.at(-1) ?? 0;
  const window = arrived.filter((at) => at > last - 2_000);
  const spanMs = Math.max(last - (window[0] ?? last), 1);
  return (window.length / spanMs) * 1_000;
}

function speedsUpAt(arrived: readonly number[], pace: number): number {
  for (const [index, at] of arrived.entries()) {
    const inTheSecond = arrived.slice(index).filter((other) => other < at + 1_000);
    if (inTheSecond.length >= pace * 0.8) return at + 1_000;
  }
  return Infinity;
}
