import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse({
    slow: { section: { platform: { maxItemsPerCall: 1_000 }, scheduled: { lanes: 1 } } },
    unheard: {},
    busy: {},
  });
});
afterAll(() => house.close());

describe.concurrent('the deadline', () => {
  it('leaves nothing allocated that is not approved, whatever is in flight', async () => {
    const id = house.createCampaign('slow', {
      ...{ customers: 13_000, severalCodesShare: 0, deadlineInSeconds: 300 },
    });
    await house.sandbox.announce('slow', id);
    // The first batch has been reported: the calls of the second are slow, and the deadline near.
    const calls = () => house.sandbox.traffic('slow').calls;
    await until('the first report', () => (calls()['status'] ?? 0) > 0);
    const rule = { kind: 'allocations', fault: 'slow' as const, ms: 5_000 };
    house.sandbox.setFaults('slow', [rule]);
    const before = calls()['allocations'] ?? 0;
    await until('the second batch', () => (calls()['allocations'] ?? 0) > before);
    await house.sandbox.reschedule('slow', id, { deadlineInSeconds: 3 });

    const { summary } = await ended(house, 'slow', id);
    const { counts, books } = await expectSound(house, 'slow', id);
    expect(summary).toMatchObject({ reason: 'deadline', unknownCustomers: 0 });
    expect(books).toMatchObject({ allocatedNotApproved: 0, lateReports: 0 });
    expect(counts.approved).toBe(books.approved);
    expect(counts.approved).toBeGreaterThan(9_000);
    expect(counts.states['lapsed']).toBeGreaterThan(1_000);
    expect(counts.states['revoked']).toBeGreaterThan(900);
    expect(summary?.['states']).toEqual(counts.states);
  });

  it('lists the approvals whose answers were lost, and lets them keep what they hold', async () => {
    const id = house.createCampaign('unheard', { customers: 400, deadlineInSeconds: 300 });
    house.sandbox.setFaults('unheard', [{ kind: 'status', fault: 'reset' }]);
    await house.sandbox.announce('unheard', id);
    await deadlineNears('unheard', id);
    const { summary } = await ended(house, 'unheard', id);
    const { counts, books } = await expectSound(house, 'unheard', id);
    expect(summary).toMatchObject({ reason: 'deadline', approvedCustomers: 0 });
    expect(books.lateReports).toBe(0);
    expect(books.approved).toBeGreaterThan(300);
    expect(counts.unknown).toBe(books.approved);
    expect(books.allocatedNotApproved).toBe(0);
  });

  it('takes back what could not be approved in time', async () => {
    const id = house.createCampaign('busy', { customers: 400, deadlineInSeconds: 300 });
    house.sandbox.setFaults('busy', [{ kind: 'status', fault: '429' }]);
    await house.sandbox.announce('busy', id);
    await deadlineNears('busy', id);
    const { summary } = await ended(house, 'busy', id);
    const { counts, books } = await expectSound(house, 'busy', id);
    expect(summary).toMatchObject({
      reason: 'deadline',
      approvedCustomers: 0,
      unknownCustomers: 0,
    });
    expect(books).toMatchObject({ approved: 0, allocated: 0, lateReports: 0 });
    expect(counts.states['revoked']).toBeGreaterThan(300);
  });
});

/** The report is under way, and the deadline moves into the next seconds. */
async function deadlineNears(tenant: string, id: string): Promise<void> {
  await until('a report', () => (house.sandbox.traffic(tenant).calls['status'] ?? 0) > 0);
  await house.sandbox.reschedule(tenant, id, { deadlineInSeconds: 4 });
}
