import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  openWorld,
  permit,
  platformSecret,
  reading,
  type SmallFarSide,
  startFarSide,
} from './tools.ts';

let farSide: SmallFarSide;
let answer: unknown;
beforeEach(async () => {
  farSide = await startFarSide((_request, response) => response.end(JSON.stringify(answer)));
});
afterEach(() => farSide.close());

function open() {
  return openWorld(farSide.urls);
}
function lastBody(): unknown {
  return JSON.parse(farSide.received.at(-1)?.body ?? 'null');
}

const page = { campaignId: '7', skip: 0, top: 10 };

describe('an audience', () => {
  test('is read with ids in their spelling, codes in any form, keys in any casing', async () => {
    answer = [
      { CustomerID: '00071', ActionID: 4, PromoCode: 'SPRING25, FS10,SPRING25' },
      { CustomerID: 72, ActionID: '4', PromoCode: ['FS10'], Brand: 'x' },
      { customerId: 'p-73', actionID: 5, promoCode: null },
      { CustomerID: 'P-74', ActionID: 4 },
    ];
    expect(await open().optimove.processedCustomers(page, reading())).toEqual({
      rows: [
        { customerId: '00071', actionId: '4', promoCodes: ['SPRING25', 'FS10'] },
        { customerId: '72', actionId: '4', promoCodes: ['FS10'] },
        { customerId: 'p-73', actionId: '5', promoCodes: [] },
        { customerId: 'P-74', actionId: '4', promoCodes: [] },
      ],
      length: 4,
      controls: 0,
      malformed: 0,
    });
  });

  test('counts the control group and malformed rows, and leaves them out', async () => {
    answer = [
      { CustomerID: 'P-1', ActionID: 1, PromoCode: 'A' },
      { CustomerID: 'P-2', ActionID: '1', PromoCode: 'A' },
      { ActionID: 4, PromoCode: 'A' },
      { CustomerID: '', ActionID: 4, PromoCode: 'A' },
      { CustomerID: 'P-3', ActionID: 4, PromoCode: { code: 'A' } },
      null,
      'P-4',
    ];
    expect(await open().optimove.canceledCustomers(page, reading())).toEqual({
      rows: [],
      length: 7,
      controls: 2,
      malformed: 5,
    });
  });
});

test('campaign details that are missing or odd are left out and never block', async () => {
  answer = {
    Duration: '7',
    LeadTime: -1,
    TestGroupSize: 900,
    Notes: '',
    Tags: ['vip', {}],
    Channels: [{ Id: 504 }, { ChannelID: '505' }, {}],
    IsMultiChannel: 'false',
  };
  expect(await open().optimove.campaignDetails('7', reading())).toEqual({
    durationDays: 7,
    targeted: 900,
    tags: ['vip'],
    channelIds: ['504', '505'],
  });
});

test('a report names the campaign as a number and the time in the tenant’s zone', async () => {
  const at = Date.parse('2026-03-02T09:58:07Z');
  const customers = [
    { customerId: '007', approved: true },
    { customerId: 'P-2', approved: false },
  ];
  await open().optimove.reportStatus({ campaignId: '70412', at, customers }).send(permit());
  expect(lastBody()).toEqual({
    TimeStamp: '2026-03-02 10:58:07',
    CampaignID: 70412,
    PromosUpdated: [
      { CustomerID: '007', Status: true },
      { CustomerID: 'P-2', Status: false },
    ],
  });
});

describe('a validation', () => {
  const ask = (customerIds: string[]) =>
    open()
      .promotions.validate({
        campaignId: '7',
        seriesId: undefined,
        promocodeId: 'pc-1',
        customerIds,
      })
      .send(permit());

  test('is read in any order, and without an effect nobody is eligible', async () => {
    answer = {
      contexts: [
        { customerId: 'c', valid: true, effects: [] },
        { customerId: 'b', valid: false, reason: 'BUDGET_EXCEEDED' },
        { customerId: 'stranger', valid: true, effects: 'nonsense' },
        {
          customerId: 'a',
          valid: 'true',
          effects: [{ rewardTypeId: 9, value: '20', tierId: 'gold', x: 1 }],
        },
        { customerId: 'd', valid: false, effects: [{ rewardTypeId: 'r', value: 1 }] },
      ],
    };
    expect(await ask(['a', 'b', 'c', 'd'])).toEqual(
      new Map<string, unknown>([
        ['c', { eligible: false, reason: 'not_eligible' }],
        ['b', { eligible: false, reason: 'budget_exceeded' }],
        ['a', { eligible: true, rewards: [{ rewardTypeId: '9', value: 20, tierId: 'gold' }] }],
        ['d', { eligible: false, reason: 'not_eligible' }],
      ]),
    );
  });

  test.each([
    ['leaves a customer out', [{ customerId: 'a', effects: [] }]],
    ['names one twice', [{ customerId: 'a' }, { customerId: 'b' }, { customerId: 'a' }]],
    ['has a context without a name', [{ customerId: 'a' }, { customerId: 'b' }, {}]],
    ['has effects that are no list', [{ customerId: 'a', effects: {} }, { customerId: 'b' }]],
    [
      'has a reward without a value',
      [{ customerId: 'a', effects: [{ rewardTypeId: 'r' }] }, { customerId: 'b' }],
    ],
    [
      'takes something away',
      [{ customerId: 'a', effects: [{ rewardTypeId: 'r', value: -1 }] }, { customerId: 'b' }],
    ],
  ])('whose answer %s is malformed, never a yes', async (_name, contexts) => {
    answer = { contexts };
    await expect(ask(['a', 'b'])).rejects.toMatchObject({ kind: 'malformed' });
  });
});

test('only awards of the asked code and campaign that give something are awards', async () => {
  const reward = { rewardTypeId: 'r', value: 1 };
  const item = { promocodeId: 'pc-1', occurrenceId: 7, status: 'ASSIGNED', rewards: [reward] };
  answer = {
    items: [
      { ...item, customerId: 'a' },
      { ...item, customerId: 'b', status: 'rejected' },
      { ...item, customerId: 'c', rewards: [] },
      { ...item, customerId: 'd', promocodeId: 'pc-2' },
      { ...item, customerId: 'e', occurrenceId: '8' },
      { ...item, customerId: 'stranger' },
    ],
  };
  const request = { campaignId: '7', promocodeId: 'pc-1', customerIds: [...'abcde'] };
  const awards = await open().promotions.assignments(request, reading());
  expect(awards).toEqual(new Map([['a', [reward]]]));
});

test('a promocode is the one of that very code, or none', async () => {
  answer = {
    items: [
      { promocodeId: 'pc-9', code: 'spring25' },
      { promocodeId: 8, code: 'SPRING25' },
    ],
  };
  const { promotions } = open();
  expect(await promotions.promocode('SPRING25', reading())).toEqual({
    promocodeId: '8',
    promotionId: undefined,
  });
  expect(await promotions.promocode('FS10', reading())).toBeUndefined();
});

describe('the platform', () => {
  const order = {
    key: 'effect-1',
    campaign: { id: '7', kind: 'scheduled' as const },
    allocations: ['a', 'b'].map((key) => ({
      key,
      customerId: `P-${key}`,
      promoCode: 'A',
      rewards: [{ rewardTypeId: 'r', value: 1 }],
      expiresAt: Date.UTC(2026, 2, 9),
      actionId: undefined,
      promocodeId: 'pc-1',
      promotionId: undefined,
    })),
  };

  test('is told each allocation in words, under the effect’s key, with a signature that holds', async () => {
    answer = { results: order.allocations.map(({ key }) => ({ key, status: 'allocated' })) };
    await open().platform.allocate(order).send(permit());
    const [{ headers, body } = { headers: {}, body: '' }] = farSide.received;
    const signed = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value)]),
    );
    expect(new Webhook(platformSecret).verify(body, signed)).toEqual(lastBody());
    expect(headers).toMatchObject({ 'idempotency-key': 'effect-1', 'webhook-id': 'effect-1' });
    expect(lastBody()).toMatchObject({
      campaignId: '7',
      campaign: { id: '7', kind: 'scheduled' },
      allocations: [
        { key: 'a', customerId: 'P-a', expiresAt: '2026-03-09T00:00:00.000Z', promocodeId: 'pc-1' },
        { key: 'b' },
      ],
    });
  });

  test('answers in any order what it really gave, or why not', async () => {
    answer = {
      results: [
        { key: 'b', status: 'declined', reason: 'limit' },
        { key: 'other', status: 'exploded' },
        {
          key: 'a',
          status: 'allocated',
          reference: 12,
          rewards: [{ rewardTypeId: 'r', value: 1 }],
        },
      ],
    };
    expect(await open().platform.allocate(order).send(permit())).toEqual(
      new Map<string, unknown>([
        ['b', { status: 'declined', reason: 'limit' }],
        [
          'a',
          {
            status: 'allocated',
            reference: '12',
            rewards: [{ rewardTypeId: 'r', value: 1 }],
            code: undefined,
          },
        ],
      ]),
    );
  });

  test.each([
    ['leaves a key out', [{ key: 'a', status: 'allocated' }]],
    [
      'has a status we do not know',
      [
        { key: 'a', status: 'allocated' },
        { key: 'b', status: 'ok' },
      ],
    ],
    [
      'answers a key twice',
      [
        { key: 'a', status: 'declined' },
        { key: 'a', status: 'allocated' },
        { key: 'b', status: 'declined' },
      ],
    ],
    [
      'gives what is not a reward',
      [
        { key: 'a', status: 'allocated', rewards: [{}] },
        { key: 'b', status: 'declined' },
      ],
    ],
  ])('whose answer %s is not understood, never a yes', async (_name, results) => {
    answer = { results };
    await expect(open().platform.allocate(order).send(permit())).rejects.toMatchObject({
      kind: 'malformed',
    });
  });

  test('denies whom it names, of those it was asked about', async () => {
    answer = {
      denied: [{ customerId: 'a', reason: 'self_excluded' }, { customerId: 'z' }],
      segments: {},
    };
    const customers = [...'ab'].map((customerId) => ({ customerId, promoCodes: ['A'] }));
    const denied = await open().platform.screen({ campaignId: '7', customers }, reading());
    expect(denied).toEqual(new Map([['a', 'self_excluded']]));
    expect(lastBody()).toMatchObject({ customerIds: ['a', 'b'], customers });
  });
});

test('an upload has one row a customer, further codes in numbered columns', async () => {
  const rewardOf = (promoCode: string, code?: string) => ({
    promoCode,
    reward: { rewardTypeId: 'spins', value: 5, ...(code !== undefined && { code }) },
    expiresAt: Date.parse('2026-03-09T23:30:00Z'),
  });
  const rows = [{ customerId: '01', rewards: [rewardOf('A', 'U-1'), rewardOf('B')] }];
  const upload = { campaignId: '7', batchUuid: 'u', last: true, ttlSeconds: 60, rows };
  await open().dataConnection.upload(upload).send(permit());
  expect(farSide.received.at(-1)?.url).toBe('/connections/rewards/upload_data');
  expect(farSide.received.at(-1)?.headers).toMatchObject({
    'x-api-key': 'data-key',
    'x-brand-key': 'brand-key',
  });
  expect(lastBody()).toEqual({
    data: [
      {
        customer_id: '01',
        campaign_id: 7,
        promo_code: 'A',
        reward_type: 'spins',
        reward_value: 5,
        unique_code: 'U-1',
        expires_at: '2026-03-10',
        promo_code_2: 'B',
        reward_type_2: 'spins',
        reward_value_2: 5,
        unique_code_2: null,
        expires_at_2: '2026-03-10',
      },
    ],
    ttl_seconds: 60,
    batch_uuid: 'u',
    batch_completed: true,
  });
});

test('a base address may carry a path, to which the documented one is appended', async () => {
  answer = {};
  const world = openWorld({ ...farSide.urls, optimove: `${farSide.url}/stack/current/` });
  await world.optimove.probe(reading());
  expect(farSide.received.at(-1)?.url).toBe('/stack/current/General/GetLastDataUpdate');
});

test.each([
  [true, 'acme/optimove'],
  [false, 'acme/promotions'],
])(
  'where Promotions shares Optimove’s limit (%s) its calls count in %s',
  async (shares, bucket) => {
    answer = { items: [] };
    const own = open().promotions;
    const world = openWorld(farSide.urls, {
      promotions: {
        baseUrl: farSide.url,
        apiKey: 'key',
        sharesOptimoveLimit: shares,
        rateLimit: { requests: 5, perMs: 1_000 },
        maxCustomersPerCall: own.maxCustomersPerCall,
        recovery: own.recovery,
        unknownCodes: own.unknownCodes,
      },
    });
    await world.promotions.promocode('A', reading());
    expect(world.notes[0]).toMatchObject({ told: 'turn', bucket });
  },
);
