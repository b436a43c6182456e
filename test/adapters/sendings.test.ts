import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { writeLocalDate } from '../../src/wire/local-time.ts';
import type { AwardsPage, World } from '../../src/world.ts';
import { openWorld, permit, reading } from './tools.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ tenants: { acme: { timeZone: 'Europe/Malta' } } });
});
afterEach(() => sandbox.close());

/** Nobody listens: the campaign is sent all the same. */
async function execute(campaignId: string) {
  await expect(sandbox.execute('acme', campaignId)).rejects.toThrow('no hookUrl');
}

/** Whom a channel reached, in pages of 64. */
async function sentThrough({ optimove }: World, campaignId: string, channelId?: string) {
  const customers = new Set<string>();
  let scheduledAt: number | undefined;
  for (let skip = 0; ; skip += 64) {
    const request = { campaignId, channelId, skip, top: 64 };
    const page = await optimove.executedCustomers(request, reading());
    for (const { customerId } of page.rows) customers.add(customerId);
    scheduledAt ??= page.scheduledAt;
    if (page.length < 64) return { customers, scheduledAt };
  }
}

test('who was sent a campaign is the same, channel by channel and all at once', async () => {
  const campaignId = sandbox.createCampaign('acme', {
    ...{ customers: 200, codes: ['SPRING25'], flow: 'executions', durationDays: 0 },
    ...{ channels: [504, 505], channelShare: 0.5 },
  });
  const world = openWorld(sandbox.urls('acme'));
  await execute(campaignId);
  const mails = await sentThrough(world, campaignId, '504');
  const texts = await sentThrough(world, campaignId, '505');
  const all = await sentThrough(world, campaignId);
  expect(new Set([...mails.customers, ...texts.customers])).toEqual(all.customers);
  expect(mails.customers.size).toBeLessThan(all.customers.size);
  expect(all.customers.size).toBe(sandbox.verdict('acme', campaignId).sent);
  // In another zone it would be an hour off.
  expect(Math.abs((mails.scheduledAt ?? 0) - Date.now())).toBeLessThan(1_800_000);

  const startDate = writeLocalDate(mails.scheduledAt ?? 0, 'Europe/Malta');
  const campaigns = await world.optimove.executedCampaigns(startDate, reading());
  expect(campaigns).toMatchObject([{ campaignId, succeeded: true, details: { durationDays: 0 } }]);
  const request = { date: startDate, skip: 0, top: 10_000 };
  const ended = await world.optimove.endedActions(request, reading());
  expect(new Set(ended.rows.map(({ customerId }) => customerId))).toEqual(all.customers);
  expect(new Set(ended.rows.map((row) => row.startDate))).toEqual(new Set([startDate]));
});

test('the publisher’s whole way leaves the sandbox without a violation', async () => {
  const deadline = Math.ceil(Date.now() / 1_000) * 1_000 + 600_000;
  const campaignId = sandbox.createCampaign('acme', {
    ...{ customers: 200, codes: ['SPRING25', 'FS10'], severalCodesShare: 0.3 },
    ...{ flow: 'publisher', publisherDelayMs: 0 },
    clearanceRequiredBy: new Date(deadline).toISOString(),
  });
  await expect(sandbox.announce('acme', campaignId)).rejects.toThrow('no hookUrl');
  const urls = sandbox.urls('acme');
  const world = openWorld(urls, {
    publisher: {
      ...{ baseUrl: urls.publisher, apiKey: 'sandbox-publisher-key', rateLimit: undefined },
      ...{ listenerUrl: undefined, sharesOptimoveLimit: false },
    },
  });
  const audience = await world.optimove.processedCustomers(
    { campaignId, skip: 0, top: 10_000 },
    reading(),
  );
  const denied = await world.platform.screen({ campaignId, customers: audience.rows }, reading());
  const screened = audience.rows.filter(({ customerId }) => !denied.has(customerId));
  const handOver = () =>
    world.publisher
      ?.publish({
        campaignId,
        deadline,
        batchId: '2b7e4c1e-7f0e-4a52-9a51-0d3f8f3f6f10',
        index: 1,
        count: 1,
        customers: screened,
      })
      .send(permit());
  await handOver();
  await handOver();
  await expect.poll(() => sandbox.verdict('acme', campaignId).approved).toBeGreaterThan(0);
  await execute(campaignId);

  const awards = await allAwards(world, campaignId);
  const codes = new Map<string, string>();
  for (const promocodeId of new Set(awards.map((each) => each.promocodeId))) {
    codes.set(promocodeId, (await world.promotions.codeOf(promocodeId, reading())) ?? '');
  }
  expect(new Set(codes.values())).toEqual(new Set(['SPRING25', 'FS10']));
  await world.platform
    .allocate({
      key: 'allocate-1',
      campaign: { id: campaignId, kind: 'scheduled' },
      allocations: awards.map(({ customerId, promocodeId, promotionId, rewards }) => ({
        key: `${campaignId}/${customerId}/${codes.get(promocodeId)}/0`,
        promoCode: codes.get(promocodeId) ?? '',
        ...{ customerId, promocodeId, promotionId, rewards },
        ...{ expiresAt: deadline + 1_800_000 + 7 * 86_400_000, actionId: undefined },
      })),
    })
    .send(permit());
  const { violations, published, validated, allocated, declined } = sandbox.verdict(
    'acme',
    campaignId,
  );
  expect(violations).toEqual([]);
  expect(published).toBe(screened.length);
  expect(awards).toHaveLength(validated);
  expect(allocated + declined).toBe(validated);
});

async function allAwards(
  world: ReturnType<typeof openWorld>,
  campaignId: string,
): Promise<AwardsPage['awards']> {
  const awards: AwardsPage['awards'] = [];
  for (let skip = 0; ; skip += 64) {
    const page = await world.promotions.awards({ campaignId, skip, take: 64 }, reading());
    awards.push(...page.awards);
    if (page.length < 64) return awards;
  }
}

test('a promocode that the sandbox does not know has no code', async () => {
  const world = openWorld(sandbox.urls('acme'));
  expect(await world.promotions.codeOf('nobody-knows', reading())).toBeUndefined();
});
