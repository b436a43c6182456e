import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

beforeAll(async () => {
  const pieces = { section: { promotions: { maxCustomersPerCall: 50 } } };
  house = await openHouse({ locked: {}, midway: pieces, inactive: pieces });
});
afterAll(() => house.close());

describe.concurrent('a wrong key at Optimove', () => {
  it('halts the tenant with one alert, and work goes on by itself after the mending', async () => {
    const ids = [1, 2, 3].map(() => {
      return house.createCampaign('locked', { customers: 400, deadlineInSeconds: 150 });
    });
    house.sandbox.breakKey('locked', true);
    await Promise.all(ids.map((id) => house.sandbox.announce('locked', id)));
    await until('two calls are refused', () => house.sandbox.traffic('locked').unauthorized >= 2);
    await goesOnAfterMending('locked', ids);
  });

  it('stops a campaign in the middle, and nobody is validated twice', async () => {
    const id = house.createCampaign('midway', { customers: 400, deadlineInSeconds: 150 });
    house.sandbox.setFaults('midway', [{ kind: 'validate', fault: 'slow', ms: 200 }]);
    await house.sandbox.announce('midway', id);
    await until('validation', () => (house.sandbox.traffic('midway').calls['validate'] ?? 0) >= 3);
    house.sandbox.breakKey('midway', true);
    await goesOnAfterMending('midway', [id]);
  });
});

describe.concurrent('a promotion', () => {
  it('that is deactivated half way is refused to the rest; what is approved stays', async () => {
    const id = house.createCampaign('inactive', {
      ...{ customers: 400, severalCodesShare: 0, deadlineInSeconds: 150 },
    });
    house.sandbox.setFaults('inactive', [{ kind: 'validate', fault: 'slow', ms: 300 }]);
    await house.sandbox.announce('inactive', id);
    await until('validation', () => house.sandbox.traffic('inactive').calls['validate'] === 3);
    house.sandbox.changePromotion('inactive', 'SPRING25', { state: 'deactivated' });

    await ended(house, 'inactive', id);
    const { counts, books } = await expectSound(house, 'inactive', id);
    expect(counts.approved).toBe(books.approved);
    expect(counts.approved).toBeGreaterThan(100);
    expect(counts.states['refused']).toBeGreaterThan(200);
    const [last] = await house.timeline('inactive', id, lastCustomer('inactive', id));
    // The reason in Promotions' own words.
    expect(last).toMatchObject({ state: 'refused', reason: 'promotion_inactive' });
  });
});

/** While the key is wrong hardly a call is made; once it is right, the campaigns come to their ends. */
async function goesOnAfterMending(tenant: string, ids: string[]): Promise<void> {
  await until('the tenant is halted', async () => (await house.read(tenant, ids[0] ?? ''))?.halted);
  house.sandbox.breakKey(tenant, false);
  for (const id of ids) {
    const { summary } = await ended(house, tenant, id, 100_000);
    expect(summary?.['reason']).toBe('decided');
    const { counts, books } = await expectSound(house, tenant, id);
    expect(counts.approved).toBe(books.approved);
    expect(counts.approved).toBeGreaterThan(300);
  }
  expect(house.sandbox.traffic(tenant).unauthorized).toBeLessThan(10);
  const alerts = house.lines.filter(({ facts }) => facts['alert'] && facts['tenant'] === tenant);
  expect(alerts).toMatchObject([{ level: 'error', message: 'a far side does not know our key' }]);
}

/** Whoever stands last in the audience, outside of the control group and the screened out. */
function lastCustomer(tenant: string, campaignId: string): string {
  for (let index = 410; ; index -= 1) {
    const id = `P-${String(index).padStart(8, '0')}`;
    const { control, screenedOut } = house.sandbox.customer(tenant, campaignId, id);
    if (!control && !screenedOut) return id;
  }
}
