import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { createOdds } from './odds.ts';
import { until } from './until.ts';

let house: House;

const lanes = [11, 12, 13, 14, 15];
const roundsPerLane = 3;
/** About as many calls as a small campaign of this size makes. */
const callsOfOne = 28;

beforeAll(async () => {
  const section = {
    optimove: { pageSize: 100 },
    promotions: { maxCustomersPerCall: 100 },
    platform: { maxItemsPerCall: 50 },
  };
  const latencyMs = { optimove: 5, promotions: 5, platform: 5, data: 5 };
  const lane = { section, farSides: { latencyMs }, hasDataConnection: true };
  house = await openHouse({
    ...Object.fromEntries(lanes.map((seed) => [`lane${seed}`, lane])),
    wide: { section: { platform: { maxItemsPerCall: 1_000 } } },
  });
});
afterAll(() => house.close());

describe.concurrent('event 4 at any instant', () => {
  it.each(lanes)('leaves nothing given, by seed %i', async (seed) => {
    const tenant = `lane${seed}`;
    const odds = createOdds(seed);
    for (let round = 0; round < roundsPerLane; round += 1) {
      const id = house.createCampaign(tenant, { customers: 300, deadlineInSeconds: 120 });
      const call = odds.below(callsOfOne);
      const delayMs = odds.below(20);
      await house.sandbox.announce(tenant, id);
      await atCall(tenant, id, call);
      await delay(delayMs);
      await deleteCampaign(tenant, id, `seed ${seed}, round ${round}, call ${call}`);
    }
  });

  it('leaves nothing given by three batches at once', async () => {
    const odds = createOdds(16);
    for (const least of [4, 16]) {
      const customers = 20_500;
      const id = house.createCampaign('wide', { customers, deadlineInSeconds: 120 });
      await house.sandbox.announce('wide', id);
      await until('allocations are under way', () => {
        return (house.sandbox.verdict('wide', id).calls['allocations'] ?? 0) >= least;
      });
      await delay(odds.below(50));
      await deleteCampaign('wide', id, `at ${least} allocations`);
    }
  });
});

/** Waits until the campaign has made so many calls, or has come to its end before. */
async function atCall(tenant: string, id: string, call: number): Promise<void> {
  await until(`call ${call} of campaign ${id}`, async () => {
    const { calls } = house.sandbox.verdict(tenant, id);
    const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
    return made >= call || (await house.read(tenant, id))?.phase === 'closed';
  });
}

async function deleteCampaign(tenant: string, id: string, when: string): Promise<void> {
  const [told] = await house.sandbox.cancel(tenant, id);
  expect(told?.status, when).toBe(200);
  const { summary } = await ended(house, tenant, id);
  expect(summary?.['reason'], when).toBe('deleted');
  const { counts, books } = await expectSound(house, tenant, id);
  expect(counts.states['allocated'], when).toBeUndefined();
  expect(books.allocated, when).toBe(0);
}
