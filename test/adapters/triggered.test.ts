import { expect, onTestFinished, test } from 'vitest';
import type { TriggeredSettings } from '../../src/domain/tenant.ts';
import type { AllocationOrder, Validation } from '../../src/world.ts';
import { openWorld, permit, reading, startFarSide } from './tools.ts';

/** What the far side is sent, which understands nothing and answers this. */
async function sentTo(answer: unknown = {}) {
  const far = await startFarSide((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  onTestFinished(() => far.close());
  return { world: openWorld(far.urls), bodies: () => far.received.map(({ body }) => body) };
}

const validation: Validation = {
  campaignId: '70412',
  seriesId: undefined,
  promocodeId: 'pc-1',
  customerIds: ['P-1', 'P-2'],
};

test('a scheduled campaign’s validation says no more than before, to the letter', async () => {
  const { world, bodies } = await sentTo({ contexts: [] });
  await world.promotions
    .validate(validation)
    .send(permit())
    .catch(() => {});
  expect(bodies()).toEqual([
    '{"contexts":[{"customerId":"P-1"},{"customerId":"P-2"}],' +
      '"campaignData":{"campaignId":70412,"occurrenceId":"70412","isTriggered":false}}',
  ]);
});

test('a trigger’s validation tells series, channel and what is true of this moment', async () => {
  const { world, bodies } = await sentTo({ contexts: [] });
  await world.promotions
    .validate({
      ...validation,
      seriesId: '4021',
      channelId: '611',
      isTriggered: true,
      sessionProperties: new Map([['P-2', { depositAmount: 120, game: 'g1' }]]),
    })
    .send(permit())
    .catch(() => {});
  expect(bodies().map((body) => JSON.parse(body))).toEqual([
    {
      contexts: [
        { customerId: 'P-1' },
        { customerId: 'P-2', sessionProperties: { depositAmount: 120, game: 'g1' } },
      ],
      campaignData: {
        campaignId: 70412,
        occurrenceId: '70412',
        seriesId: '4021',
        channelId: 611,
        isTriggered: true,
      },
    },
  ]);
});

const order: AllocationOrder = {
  key: 'k',
  campaign: { id: '70412', kind: 'scheduled', durationDays: 7 },
  allocations: [
    {
      key: '70412/P-1/SPIN20/0',
      customerId: 'P-1',
      promoCode: 'SPIN20',
      rewards: [],
      expiresAt: Date.UTC(2030, 0, 1),
      actionId: '4',
      promocodeId: undefined,
      promotionId: undefined,
    },
  ],
};

test('a scheduled campaign’s allocation says no more than before, to the letter', async () => {
  const { world, bodies } = await sentTo({ results: [] });
  await world.platform
    .allocate(order)
    .send(permit())
    .catch(() => {});
  expect(bodies()).toEqual([
    '{"campaignId":"70412","campaign":{"id":"70412","kind":"scheduled","durationDays":7},' +
      '"allocations":[{"key":"70412/P-1/SPIN20/0","customerId":"P-1","promoCode":"SPIN20",' +
      '"rewards":[],"expiresAt":"2030-01-01T00:00:00.000Z","actionId":"4"}]}',
  ]);
});

test('a promotion that begins later tells the platform when', async () => {
  const { world, bodies } = await sentTo({ results: [] });
  const startsAt = Date.UTC(2029, 11, 2);
  const allocations = order.allocations.map((each) => ({ ...each, startsAt }));
  await world.platform
    .allocate({ ...order, allocations })
    .send(permit())
    .catch(() => {});
  expect(JSON.parse(bodies()[0] ?? '')).toMatchObject({
    allocations: [{ startsAt: '2029-12-02T00:00:00.000Z', expiresAt: '2030-01-01T00:00:00.000Z' }],
  });
});

test('what is known of a trigger reaches the platform', async () => {
  const { world, bodies } = await sentTo({ results: [] });
  const known = {
    templateId: '14',
    properties: { eligibleGames: 'g1,g2' },
    attributes: { COUNTRY: 'MT' },
    event: { amount: 50 },
  };
  const campaign: AllocationOrder['campaign'] = {
    id: '88120',
    kind: 'triggered',
    seriesId: '4021',
    brandId: 'b1',
    notes: 'vip only',
    tags: ['vip'],
    channelIds: ['611'],
  };
  const allocations = order.allocations.map((each) => ({ ...each, ...known }));
  await world.platform
    .allocate({ key: 'k', campaign, allocations })
    .send(permit())
    .catch(() => {});
  expect(JSON.parse(bodies()[0] ?? '')).toMatchObject({ campaign, allocations: [known] });
});

test('segments of a screening are no matter', async () => {
  const { world } = await sentTo({
    denied: [{ customerId: 'P-2', reason: 'self_excluded' }],
    segments: { 'P-1': 'high' },
  });
  const customers = ['P-1', 'P-2'].map((customerId) => ({ customerId, promoCodes: [] }));
  const denied = await world.platform.screen({ campaignId: '88120', customers }, reading());
  expect([...denied]).toEqual([['P-2', 'self_excluded']]);
});

const triggered: TriggeredSettings = {
  gate: 'managed',
  executed: 'payload',
  activation: 'immediate',
  budgetMs: 1_500,
  visitors: false,
  repeats: 'once',
  repeatWindowSeconds: 600,
  registration: 'v2',
};
const rateLimit = { requests: 50, perMs: 10_000 };

test.each([
  ['bulk alone comes in bursts', {}, false],
  ['a gate spaces every limit of its tenant', { triggered }, true],
  ['so does a publisher’s gate', { triggered: { ...triggered, gate: 'publisher' as const } }, true],
  [
    'a gate that is off spaces nothing',
    { triggered: { ...triggered, gate: 'off' as const } },
    false,
  ],
  ['so do claims', { claims: { reportStatus: 'always' as const } }, true],
])('%s', async (_name, change, spaced) => {
  const far = await startFarSide(() => {});
  onTestFinished(() => far.close());
  const platform = { baseUrl: far.url, secret: 'whsec_c2VjcmV0', screening: false, rateLimit };
  const world = openWorld(far.urls, { platform: { ...platform, maxItemsPerCall: 10 }, ...change });
  const report = { campaignId: '1', at: 0, customers: [] };
  const limits = [
    world.optimove.reportStatus(report).limit,
    world.promotions.validate(validation).limit,
    world.platform.allocate(order).limit,
  ];
  expect(limits.map((limit) => limit?.spaced)).toEqual([spaced, spaced, spaced]);
});
