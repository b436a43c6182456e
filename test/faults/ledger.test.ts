import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSound, hookOf, startWork, steadyWorld } from './recovery.ts';
import { openWorld, tenant, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(steadyWorld);
});
afterAll(() => world.close());

describe('event 4', () => {
  it('that comes while the ledger is away is heeded from the instant the ledger is back', async () => {
    for (const awayMs of [2_000, 6_000]) {
      const campaignId = await startWork(world, 12_000, 12);
      await world.postgres.kill();
      const [told] = await world.sandbox.cancel(tenant, campaignId, hookOf(world));
      expect(told?.status).toBe(200);
      await delay(awayMs);
      await world.postgres.start();
      await expectSound(world, campaignId, { hasTime: false, cancelAt: 0 });
    }
  }, 240_000);
});
