import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOdds } from '../whole/odds.ts';
import { until } from '../whole/until.ts';
import { judge } from './judgement.ts';
import type { Played } from './play.ts';
import { effectsOf, hookOf, killWorker, startCampaign, steadyWorld } from './recovery.ts';
import { campaignsSettle } from './settled.ts';
import { type FarSideName, openWorld, tenant, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(steadyWorld);
});
afterAll(() => world.close());

/** For a machine that tests much else meanwhile; `npm run faults -- --recovery` holds the figures. */
const bounds = { firstEffectMs: 20_000, fullSpeedMs: 30_000 };

const outageMs = 6_000;

describe('a worker', () => {
  it('that is killed and restarted goes on within seconds, at full speed soon after', async () => {
    const { firstEffectMs, fullSpeedMs } = await killWorker(world);
    expect(firstEffectMs).toBeLessThan(bounds.firstEffectMs);
    expect(fullSpeedMs).toBeLessThan(bounds.fullSpeedMs);
  }, 240_000);

  it('that is frozen in the middle of an effect delays no event 4, and sends nothing when it wakes', async () => {
    const [worker] = world.workers;
    const odds = createOdds(31);
    for (let round = 0; round < 3; round += 1) {
      const campaignId = await startWork(4_000, 3 + odds.below(12));
      await delay(odds.below(60));
      worker?.freeze();
      const frozenAt = Date.now();
      const [told] = await world.sandbox.cancel(tenant, campaignId, hookOf(world));
      expect(told?.status).toBe(200);
      expect(Date.now() - frozenAt).toBeLessThan(5_000);
      // What was on the wire when it froze has arrived by then.
      await until('two seconds have passed', () => Date.now() - frozenAt > 2_500);
      const wokenAt = Date.now();
      worker?.wake();
      await expectSound(campaignId, { hasTime: false, cancelAt: 0 });
      const giving = ['validate', 'allocations', 'upload', 'status', 'redemptions'];
      const late = giving.flatMap((kind) => effectsOf(world, kind).filter((at) => at >= wokenAt));
      expect(late).toEqual([]);
    }
  }, 240_000);
});

describe('event 4', () => {
  it('that comes while the ledger is away is heeded from the instant the ledger is back', async () => {
    for (const awayMs of [2_000, 6_000]) {
      const campaignId = await startWork(12_000, 12);
      await world.postgres.kill();
      const [told] = await world.sandbox.cancel(tenant, campaignId, hookOf(world));
      expect(told?.status).toBe(200);
      await delay(awayMs);
      await world.postgres.start();
      await expectSound(campaignId, { hasTime: false, cancelAt: 0 });
    }
  }, 240_000);
});

describe('a campaign loses nobody', () => {
  it.each(['temporal', 'postgres'] as const)(
    'when %s is killed and restarted',
    async (name) => {
      const campaignId = await startWork(12_000, 10);
      await world[name].kill();
      await world[name].start();
      await expectSound(campaignId, { hasTime: true });
    },
    240_000,
  );

  it.each(['optimove', 'promotions', 'platform'] satisfies FarSideName[])(
    'when %s is away for a while',
    async (name) => {
      await world.doors[name].shut();
      const campaignId = startCampaign(world, { customers: 2_000 });
      await world.sandbox.announce(tenant, campaignId, hookOf(world));
      await delay(outageMs);
      await world.doors[name].open();
      await expectSound(campaignId, { hasTime: true });
    },
    240_000,
  );
});

/** Starts a campaign and waits until it has made so many allocating calls. */
async function startWork(customers: number, calls: number): Promise<string> {
  const before = effectsOf(world, 'allocations').length;
  const campaignId = startCampaign(world, { customers });
  await world.sandbox.announce(tenant, campaignId, hookOf(world));
  await until(`${calls} calls`, () => effectsOf(world, 'allocations').length - before >= calls);
  return campaignId;
}

async function expectSound(
  campaignId: string,
  how: { hasTime: boolean; cancelAt?: number },
): Promise<void> {
  const { hasTime, cancelAt } = how;
  const plan = { options: { customers: 0 }, announceAtMs: 0, reschedule: undefined };
  const campaign: Played = { campaignId, plan: { ...plan, hasTime, cancelAt } };
  await campaignsSettle(world, [campaign]);
  expect(await judge(world, [campaign])).toEqual([]);
}
