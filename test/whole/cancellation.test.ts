import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

/** Every stage, by the call at which the campaign is deleted. */
const stages = ['audience', 'screenings', 'validate', 'allocations', 'upload', 'status'];

beforeAll(async () => {
  house = await openHouse({
    ...Object.fromEntries(stages.map((kind) => [kind, { hasDataConnection: true }])),
    before: {},
    after: {},
  });
});
afterAll(() => house.close());

describe.concurrent('event 4', () => {
  it.each(stages)('takes everything back when it comes during %s', async (kind) => {
    const id = house.createCampaign(kind, { customers: 600, deadlineInSeconds: 120 });
    house.sandbox.setFaults(kind, [{ kind, fault: 'slow', ms: 1_500, calls: [1] }]);
    await house.sandbox.announce(kind, id);
    await until(`the call ${kind}`, () => house.sandbox.traffic(kind).faults[`${kind} slow`]);
    const [told] = await house.sandbox.cancel(kind, id);
    expect(told?.status).toBe(200);

    const { fence, summary } = await ended(house, kind, id);
    expect({ fence, reason: summary?.['reason'] }).toEqual({ fence: 'deleted', reason: 'deleted' });
    const { counts, books } = await expectSound(house, kind, id);
    expect(counts.states['allocated']).toBeUndefined();
    expect(books).toMatchObject({ allocated: 0, redeemed: 0 });
  });

  it('leaves a tombstone where it comes before event 5', async () => {
    const id = house.createCampaign('before', { customers: 300, deadlineInSeconds: 120 });
    const [deleted] = await house.sandbox.cancel('before', id);
    const [opened] = await house.sandbox.announce('before', id);
    expect([deleted?.status, opened?.status]).toEqual([200, 200]);

    const { fence, epoch } = await ended(house, 'before', id);
    expect({ fence, epoch }).toEqual({ fence: 'deleted', epoch: 0 });
    const { books } = await expectSound(house, 'before', id);
    // Only whom it would have been for is asked: nothing was ever given.
    expect(books.tenantCalls).toEqual({ canceled: 1 });
  });

  it('takes everything back after the end, however often it comes', async () => {
    const id = house.createCampaign('after', { customers: 600, deadlineInSeconds: 120 });
    await house.sandbox.announce('after', id);
    const before = await ended(house, 'after', id);

    const told = await house.sandbox.cancel('after', id, { times: 2, parallel: true });
    expect(told.map(({ status }) => status)).toEqual([200, 200]);
    await ended(house, 'after', id);
    const [again] = await house.sandbox.cancel('after', id);
    expect(again?.status).toBe(200);

    const last = await ended(house, 'after', id);
    expect(last.summary?.['reason']).toBe('deleted');
    expect(last.counts.states['revoked']).toBe(before.counts.states['allocated']);
    const { books } = await expectSound(house, 'after', id);
    expect(books).toMatchObject({ allocated: 0, revoked: before.counts.states['allocated'] });
    // One call took everything back; the repeats found nothing left.
    expect(books.calls['revocations']).toBe(1);
  });
});
