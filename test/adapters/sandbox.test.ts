import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { openWorld, permit, reading } from './tools.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ tenants: { acme: { timeZone: 'Europe/Malta' } } });
});
afterEach(() => sandbox.close());

/** A campaign of 200 customers and one code, and the adapters beside it. */
async function openCampaign() {
  const campaignId = sandbox.createCampaign('acme', {
    customers: 200,
    codes: ['SPRING25'],
    malformedRows: 2,
  });
  const world = openWorld(sandbox.urls('acme'));
  const page = await world.optimove.processedCustomers(
    { campaignId, skip: 0, top: 10_000 },
    reading(),
  );
  return { campaignId, world, page };
}

function orderOf(campaignId: string, given: [string, { rewardTypeId: string; value: number }[]][]) {
  return {
    key: 'allocate-1',
    campaign: { id: campaignId, kind: 'scheduled' as const },
    allocations: given.map(([customerId, rewards]) => ({
      key: `${campaignId}/${customerId}/SPRING25/0`,
      customerId,
      promoCode: 'SPRING25',
      rewards,
      expiresAt: Date.UTC(2030, 0, 1),
      actionId: undefined,
      promocodeId: undefined,
      promotionId: undefined,
    })),
  };
}

test('the whole way of a campaign leaves the sandbox without a violation', async () => {
  const { campaignId, world, page } = await openCampaign();
  expect(page).toMatchObject({ malformed: 2, length: page.rows.length + page.controls + 2 });
  expect(await world.optimove.campaignDetails(campaignId, reading())).toMatchObject({
    durationDays: 7,
    targeted: 200,
    channelIds: ['504'],
  });

  const customers = page.rows.map(({ customerId, promoCodes }) => ({ customerId, promoCodes }));
  const denied = await world.platform.screen({ campaignId, customers }, reading());
  const customerIds = customers
    .map(({ customerId }) => customerId)
    .filter((each) => !denied.has(each));
  const promocode = await world.promotions.promocode('SPRING25', reading());
  const promocodeId = promocode?.promocodeId ?? '';
  const validated = await world.promotions
    .validate({ campaignId, seriesId: undefined, promocodeId, customerIds })
    .send(permit());
  const eligible = [...validated].flatMap(([customerId, outcome]) =>
    outcome.eligible ? [{ customerId, rewards: outcome.rewards }] : [],
  );
  const awards = await world.promotions.assignments(
    { campaignId, promocodeId, customerIds },
    reading(),
  );
  expect(awards).toEqual(new Map(eligible.map(({ customerId, rewards }) => [customerId, rewards])));

  const order = orderOf(
    campaignId,
    eligible.map(({ customerId, rewards }) => [customerId, rewards]),
  );
  const first = await world.platform.allocate(order).send(permit());
  expect(await world.platform.allocate(order).send(permit())).toEqual(first);
  const held = order.allocations.filter(({ key }) => first.get(key)?.status === 'allocated');
  const known = await world.platform.lookUp([...first.keys()], reading());
  expect([...known].filter(([, { status }]) => status === 'allocated')).toHaveLength(held.length);

  await world.dataConnection
    .upload({
      campaignId,
      batchUuid: '2b7e4c1e-7f0e-4a52-9a51-0d3f8f3f6f10',
      last: true,
      ttlSeconds: 86_400,
      rows: held.map(
        ({ customerId, rewards: [reward = { rewardTypeId: '', value: 0 }], expiresAt }) => ({
          customerId,
          rewards: [{ promoCode: 'SPRING25', reward, expiresAt }],
        }),
      ),
    })
    .send(permit());
  const told = held.map(({ customerId }) => ({ customerId, approved: true }));
  await world.optimove.reportStatus({ campaignId, at: Date.now(), customers: told }).send(permit());
  await world.promotions
    .redeem(
      held.map(({ customerId, rewards }) => ({
        redemptionId: `redemption-${customerId}`,
        customerId,
        campaignId,
        seriesId: undefined,
        promocodeId,
        promotionId: undefined,
        redeemedAt: Date.UTC(2026, 0, 1),
        rewards,
      })),
    )
    .send(permit());

  const { violations, allocated, approved, uploaded, redeemed, screenedOut } = sandbox.verdict(
    'acme',
    campaignId,
  );
  expect(violations).toEqual([]);
  expect({ allocated, approved, uploaded, redeemed, screenedOut }).toEqual({
    allocated: held.length,
    approved: held.length,
    uploaded: held.length,
    redeemed: held.length,
    screenedOut: denied.size,
  });
  expect(held.length).toBeGreaterThan(100);
});

test('a canceled campaign is listed as canceled, and what it gave can be taken back', async () => {
  const { campaignId, world, page } = await openCampaign();
  const [row = { customerId: '' }] = page.rows;
  const key = `${campaignId}/${row.customerId}/SPRING25/0`;
  await expect(sandbox.cancel('acme', campaignId)).rejects.toThrow('no hookUrl');
  const request = { campaignId, skip: 0, top: 10_000 };
  const canceled = await world.optimove.canceledCustomers(request, reading());
  expect(canceled.rows).toEqual(page.rows);
  const order = {
    key: 'revoke-1',
    campaignId,
    reason: 'canceled' as const,
    revocations: [{ key, customerId: row.customerId }],
  };
  const revoked = await world.platform.revoke(order).send(permit());
  expect(revoked).toEqual(new Map([[key, 'unknown']]));
  expect(await world.platform.lookUp([key], reading())).toEqual(
    new Map([[key, { status: 'revoked', reference: undefined }]]),
  );
});

test.each([
  ['429', { kind: 'not_sent', retryAfterMs: 1_000 }, false],
  ['503', { kind: 'unknown', retryAfterMs: 1_000 }, false],
  ['half', { kind: 'unknown' }, true],
  ['reset', { kind: 'unknown' }, true],
] as const)(
  'of an allocation struck by %s we know what there is to know',
  async (fault, news, acted) => {
    const { campaignId, world, page } = await openCampaign();
    const [row = { customerId: '' }] = page.rows;
    sandbox.setFaults('acme', [{ far: 'platform', kind: 'allocations', fault }]);
    const order = orderOf(campaignId, [[row.customerId, []]]);
    await expect(world.platform.allocate(order).send(permit())).rejects.toMatchObject(news);
    sandbox.setFaults('acme', []);
    const keys = order.allocations.map(({ key }) => key);
    const [known] = (await world.platform.lookUp(keys, reading())).values();
    expect(known?.status !== 'unknown').toBe(acted);
  },
);

test('a wrong key halts the tenant, and a probe tells when it is right again', async () => {
  const { world } = await openCampaign();
  sandbox.breakKey('acme', true);
  await expect(world.optimove.probe(reading())).rejects.toMatchObject({ kind: 'unauthorized' });
  expect(world.notes).toContainEqual({ told: 'unauthorized', farSide: 'optimove' });
  sandbox.breakKey('acme', false);
  await expect(world.optimove.probe(reading())).resolves.toBeUndefined();
});

test('a platform that takes fewer items says so by 413', async () => {
  await sandbox.close();
  sandbox = await startSandbox({ tenants: { acme: { platform: { maxItemsPerCall: 1 } } } });
  const { campaignId, world, page } = await openCampaign();
  const order = orderOf(
    campaignId,
    page.rows.slice(0, 2).map(({ customerId }) => [customerId, []]),
  );
  await expect(world.platform.allocate(order).send(permit())).rejects.toMatchObject({
    kind: 'too_large',
  });
});
