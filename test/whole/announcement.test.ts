import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

const bad = [
  { name: 'past', says: '2020-01-31 12:00:00', shows: /had passed/ },
  { name: 'unparsable', says: 'next Tuesday', shows: /not of the form/ },
  { name: 'skipped', says: '2027-03-28 02:30:00', shows: /daylight saving/ },
];
const slowly = { section: { platform: { maxItemsPerCall: 100 } } };

beforeAll(async () => {
  house = await openHouse({
    repeated: {},
    longer: slowly,
    shorter: slowly,
    stranger: {},
    ...Object.fromEntries(bad.map(({ name }) => [name, { section: { timeZone: 'Europe/Malta' } }])),
  });
});
afterAll(() => house.close());

describe.concurrent('event 5', () => {
  it('opens one epoch, five times at once and once more after the end', async () => {
    const id = house.createCampaign('repeated', { customers: 400, deadlineInSeconds: 90 });
    const together = await house.sandbox.announce('repeated', id, { times: 5, parallel: true });
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const first = await ended(house, 'repeated', id);

    const again = await house.sandbox.announce('repeated', id, { times: 2 });
    expect(again.map(({ status }) => status)).toEqual([200, 200]);
    const last = await ended(house, 'repeated', id);
    expect(last).toEqual(first);
    expect(last.epoch).toBe(1);
    await expectSound(house, 'repeated', id);
  });

  it('gives a running campaign the time of its later deadline', async () => {
    const id = house.createCampaign('longer', { customers: 1_000, deadlineInSeconds: 8 });
    house.sandbox.setFaults('longer', [{ kind: 'allocations', fault: 'slow', ms: 1_000 }]);
    await house.sandbox.announce('longer', id);
    const [moved] = await house.sandbox.reschedule('longer', id, { deadlineInSeconds: 120 });
    expect(moved?.status).toBe(200);

    const { epoch, summary } = await ended(house, 'longer', id);
    expect({ epoch, reason: summary?.['reason'] }).toEqual({ epoch: 1, reason: 'decided' });
    const { counts } = await expectSound(house, 'longer', id);
    expect(counts.states['lapsed']).toBeUndefined();
  });

  it('ends a running campaign by its earlier deadline, and goes on by a later one', async () => {
    const id = house.createCampaign('shorter', {
      ...{ customers: 1_500, severalCodesShare: 0, deadlineInSeconds: 300 },
    });
    house.sandbox.setFaults('shorter', [{ kind: 'allocations', fault: 'slow', ms: 1_000 }]);
    await house.sandbox.announce('shorter', id);
    await until('something is allocated', () => called('shorter', 'allocations') >= 2);
    await house.sandbox.reschedule('shorter', id, { deadlineInSeconds: 4 });

    const stopped = await ended(house, 'shorter', id);
    expect(stopped).toMatchObject({ epoch: 1, summary: { reason: 'deadline' } });
    const { counts } = await expectSound(house, 'shorter', id);
    const { lapsed = 0, revoked = 0 } = counts.states;
    expect(lapsed).toBeGreaterThan(0);
    expect(revoked).toBeGreaterThan(0);

    house.sandbox.setFaults('shorter', []);
    const [moved] = await house.sandbox.reschedule('shorter', id, { deadlineInSeconds: 120 });
    expect(moved?.status).toBe(200);
    const finished = await until('the second epoch is over', async () => {
      const campaign = await ended(house, 'shorter', id);
      return campaign.epoch === 2 && campaign;
    });
    expect(finished.summary?.['reason']).toBe('decided');
    const after = await expectSound(house, 'shorter', id);
    expect(after.counts.states).toMatchObject({ revoked });
    expect(after.counts.states['lapsed']).toBeUndefined();
    expect(after.counts.approved).toBeGreaterThan(0);
  });

  it('of a campaign that Optimove does not know of in time ends with nobody approved', async () => {
    const id = house.createCampaign('stranger', { customers: 100, deadlineInSeconds: 10 });
    const CampaignID = Number(id) + 1_000;
    const [told] = await house.sandbox.announce('stranger', id, { payload: { CampaignID } });
    expect(told?.status).toBe(200);
    const campaign = await ended(house, 'stranger', String(CampaignID));
    expect(campaign).toMatchObject({ epoch: 1, counts: { customers: 0, approved: 0 } });
    expect(campaign.summary?.['reason']).toBe('deadline');
    expect(called('stranger', 'audience')).toBe(1);
    expect(called('stranger', 'status')).toBe(0);
  });

  it.each(bad)('is recorded with a deadline that is $name, and approves nobody', async (one) => {
    const { name: tenant, says: ClearanceRequiredBy, shows } = one;
    const id = house.createCampaign(tenant, { customers: 100 });
    const told = await house.sandbox.announce(tenant, id, { payload: { ClearanceRequiredBy } });
    expect(told.map(({ status }) => status)).toEqual([200]);

    const campaign = await until('the reason is shown', async () => {
      const shown = await house.read(tenant, id);
      const isOver = shown?.instants === null || shown?.phase === 'closed';
      return shown?.problem && isOver && (await house.isQuiet(tenant, id)) ? shown : undefined;
    });
    expect(campaign.problem).toMatch(shows);
    const { counts, books } = await expectSound(house, tenant, id);
    expect(counts).toMatchObject({ customers: 0, approved: 0 });
    expect(books.tenantCalls).toEqual({});
  });
});

function called(tenant: string, kind: string): number {
  return house.sandbox.traffic(tenant).calls[kind] ?? 0;
}
