import { afterAll, beforeAll, describe, it } from 'vitest';
import { farSides, startInOutage } from './outage.ts';
import { expectSound, startWork, steadyWorld } from './recovery.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(steadyWorld);
});
afterAll(() => world.close());

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

  it.each(farSides)(
    'when %s is away for a while',
    (farSide) => startInOutage(world, farSide, 6_000),
    240_000,
  );
});
