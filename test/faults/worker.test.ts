import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOdds } from '../whole/odds.ts';
import { until } from '../whole/until.ts';
import { effectsOf, expectSound, hookOf, killWorker, startWork, steadyWorld } from './recovery.ts';
import { openWorld, tenant, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(steadyWorld);
});
afterAll(() => world.close());

/** For a machine that tests much else meanwhile; `npm run faults -- --recovery` holds the figures. */
const bounds = { firstEffectMs: 20_000, fullSpeedMs: 30_000 };

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
      const campaignId = await startWork(world, 4_000, 3 + odds.below(12));
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
      await expectSound(world, campaignId, { hasTime: false, cancelAt: 0 });
      const giving = ['validate', 'allocations', 'upload', 'status', 'redemptions'];
      const late = giving.flatMap((kind) => effectsOf(world, kind).filter((at) => at >= wokenAt));
      expect(late).toEqual([]);
    }
  }, 240_000);
});
