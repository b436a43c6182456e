import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectSound, hookOf, startCampaign, startWork, steadyWorld } from './recovery.ts';
import { type FarSideName, openWorld, tenant, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(steadyWorld);
});
afterAll(() => world.close());

const outageMs = 6_000;

describe('a campaign loses nobody', () => {
  it.each(['temporal', 'postgres'] as const)(
    'when %s is killed and restarted',
    async (name) => {
      const campaignId = await startWork(world, 12_000, 10);
      await world[name].kill();
      await world[name].start();
      await expectSound(world, campaignId, { hasTime: true });
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
      await expectSound(world, campaignId, { hasTime: true });
    },
    240_000,
  );
});
