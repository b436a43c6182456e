import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';

let house: House;

/** So few requests that the large campaign alone would need them all until its own deadline. */
const limit = { requests: 5, perSeconds: 1 };
const limited = {
  section: {
    optimove: { rateLimit: limit },
    promotions: { maxCustomersPerCall: 100 },
    scheduled: { lanes: 4 },
  },
  farSides: { optimove: { limit }, promotions: { limit } },
};

beforeAll(async () => {
  house = await openHouse({ shared: limited, alone: limited });
});
afterAll(() => house.close());

describe.concurrent('campaigns under one limit', () => {
  it('go by their deadlines: a small urgent one is decided beside a large one, and both in time', async () => {
    const large = house.createCampaign('shared', { customers: 8_000, deadlineInSeconds: 150 });
    const small = house.createCampaign('shared', { customers: 400, deadlineInSeconds: 14 });
    await house.sandbox.announce('shared', large);
    await house.sandbox.announce('shared', small);
    const [urgent, patient] = await Promise.all([
      ended(house, 'shared', small),
      ended(house, 'shared', large, 150_000),
    ]);
    for (const { summary } of [urgent, patient]) {
      expect(summary).toMatchObject({ reason: 'decided', unknownCustomers: 0 });
      expect(summary?.['states']).not.toHaveProperty('lapsed');
    }
    expect(house.sandbox.traffic('shared').http429).toBe(0);
    await expectSound(house, 'shared', small);
    await expectSound(house, 'shared', large);
  }, 200_000);

  it('of another tenant are not waited for', async () => {
    const id = house.createCampaign('alone', { customers: 400, deadlineInSeconds: 14 });
    await house.sandbox.announce('alone', id);
    const { summary } = await ended(house, 'alone', id);
    expect(summary).toMatchObject({ reason: 'decided', unknownCustomers: 0 });
    expect(house.sandbox.traffic('alone').http429).toBe(0);
  });
});
