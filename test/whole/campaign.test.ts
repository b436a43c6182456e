import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse({
    full: { hasDataConnection: true },
    alone: { section: { promotions: null } },
    any: { section: { scheduled: { codes: 'any' } } },
    twin: {},
    otherTwin: {},
    quiet: { hasDataConnection: true },
  });
});
afterAll(() => house.close());

it('decides every customer of a campaign, whatever the rows of its audience are like', async () => {
  const id = house.createCampaign('full', {
    customers: 3_000,
    codes: ['SPRING25', 'NEVERHEARD'],
    duplicateShare: 0.02,
    withoutCodeShare: 0.05,
    malformedRows: 3,
    deadlineInSeconds: 120,
  });
  house.sandbox.setFaults('full', [{ kind: 'audience', fault: 'shift', calls: [2], rows: 7 }]);
  const [delivery] = await house.sandbox.announce('full', id);
  expect(delivery?.status).toBe(200);

  await ended(house, 'full', id);
  const { counts, books } = await expectSound(house, 'full', id);
  expect(counts).toMatchObject({ customers: 3_000, approved: books.approved, unknown: 0 });
  expect(books.controls).toBeGreaterThan(100);
  expect(books.screenedOut).toBeGreaterThan(0);
  expect(counts.states['cleared']).toBeGreaterThan(100);
  expect(counts.redemptions['told']).toBe(counts.states['allocated']);
  expect(house.sandbox.traffic('full').faults).toEqual({ 'audience shift': 1 });

  const several = house.sandbox.customer('full', id, await customerWithTwoCodes(id));
  const assignments = await house.timeline('full', id, several.customerId);
  expect(assignments.map(({ promoCode, state, reason }) => [promoCode, state, reason])).toEqual([
    // Whoever cannot hold all of his codes is not approved, and is given none of them.
    ['SPRING25', 'lapsed', 'another_code_was_refused'],
    ['NEVERHEARD', 'refused', 'unknown_promo_code'],
  ]);
});

it('runs a campaign of a tenant whose platform decides alone', async () => {
  const id = house.createCampaign('alone', { customers: 400, deadlineInSeconds: 90 });
  await house.sandbox.announce('alone', id);
  await ended(house, 'alone', id);
  const { counts, books } = await expectSound(house, 'alone', id);
  expect(counts.approved).toBe(books.approved);
  expect(counts.approved).toBeGreaterThan(300);
  expect(books.calls['validate']).toBeUndefined();
});

it('approves who holds any one of several codes, where the tenant says so', async () => {
  const id = house.createCampaign('any', {
    customers: 400,
    codes: ['SPRING25', 'NEVERHEARD'],
    severalCodesShare: 0.5,
    approvalNeeds: 'any',
    deadlineInSeconds: 90,
  });
  await house.sandbox.announce('any', id);
  await ended(house, 'any', id);
  const { counts, books } = await expectSound(house, 'any', id);
  expect(counts.approved).toBe(books.approved);
  expect(counts.approved).toBe(counts.states['allocated']);
});

it('keeps two tenants apart whose campaigns have one number', async () => {
  const tenants = ['twin', 'otherTwin'];
  const campaignId = 81_000;
  for (const [index, tenant] of tenants.entries()) {
    const customers = 300 + 100 * index;
    house.createCampaign(tenant, { campaignId, customers, deadlineInSeconds: 90 });
  }
  await Promise.all(tenants.map((tenant) => house.sandbox.announce(tenant, campaignId)));
  for (const [index, tenant] of tenants.entries()) {
    await ended(house, tenant, String(campaignId));
    const { counts, books } = await expectSound(house, tenant, String(campaignId));
    expect(counts).toMatchObject({ customers: 300 + 100 * index, approved: books.approved });
  }
});

it('writes no customer into any history', async () => {
  const id = house.createCampaign('quiet', { customers: 300, deadlineInSeconds: 90 });
  // A lost answer and a refused one leave failures in the histories, too.
  house.sandbox.setFaults('quiet', [
    { kind: 'allocations', fault: 'reset', calls: [1] },
    { kind: 'status', fault: '500', calls: [1] },
  ]);
  await house.sandbox.announce('quiet', id);
  await ended(house, 'quiet', id);
  await expectSound(house, 'quiet', id);

  const histories = await historiesOf('quiet');
  expect(histories.some((history) => history.includes(id))).toBe(true);
  expect(histories.some((history) => /FarSide\.unknown/.test(history))).toBe(true);
  expect(histories.filter((history) => history.includes('P-0'))).toEqual([]);
});

async function customerWithTwoCodes(campaignId: string): Promise<string> {
  for (let index = 0; index < 3_000; index += 1) {
    const id = `P-${String(index).padStart(8, '0')}`;
    const { codes, control } = house.sandbox.customer('full', campaignId, id);
    if (!control && codes.length === 2 && codes[0]?.validated) return id;
  }
  throw new Error('nobody has two codes');
}

/** Every history of a tenant as the server keeps it: its bytes, payloads not encoded any further. */
async function historiesOf(tenant: string): Promise<string[]> {
  const histories: string[] = [];
  for await (const { workflowId, runId } of house.client.workflow.list()) {
    if (!workflowId.startsWith(`${tenant}/`)) continue;
    const history = await house.client.workflow.getHandle(workflowId, runId).fetchHistory();
    const bytes = proto.temporal.api.history.v1.History.encode(history).finish();
    histories.push(Buffer.from(bytes).toString('latin1'));
  }
  return histories;
}
