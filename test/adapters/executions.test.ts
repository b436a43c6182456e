import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openWorld, reading, type SmallFarSide, startFarSide } from './tools.ts';

let farSide: SmallFarSide;
let answer: unknown;
beforeEach(async () => {
  farSide = await startFarSide((_request, response) => response.end(JSON.stringify(answer)));
});
afterEach(() => farSide.close());

function open() {
  return openWorld(farSide.urls).optimove;
}

describe('who was sent a campaign', () => {
  const page = { campaignId: '70412', channelId: '504', skip: 20, top: 10 };

  test('is read as an audience is, through one channel or all', async () => {
    answer = [
      { CustomerID: '007', ActionID: 19, ChannelID: 504, TemplateID: 'x', PromoCode: 'A,B' },
      { customerid: 'P-2', actionId: '19', promocode: null },
      { CustomerID: 'P-3', ActionID: '1', PromoCode: 'A' },
      { ActionID: 19, PromoCode: 'A' },
    ];
    const optimove = open();
    expect(await optimove.executedCustomers(page, reading())).toEqual({
      rows: [
        { customerId: '007', actionId: '19', promoCodes: ['A', 'B'] },
        { customerId: 'P-2', actionId: '19', promoCodes: [] },
      ],
      length: 4,
      controls: 1,
      malformed: 1,
      scheduledAt: undefined,
    });
    await optimove.executedCustomers({ ...page, channelId: undefined }, reading());
    const path = '/Customers/GetCustomerExecutionDetailsByCampaign?CampaignID=70412';
    expect(farSide.received.map(({ url }) => url)).toEqual([
      `${path}&ChannelID=504&$top=10&$skip=20`,
      `${path}&$top=10&$skip=20`,
    ]);
  });

  test.each([
    ['under either name', [{ ScheduledTime: '2026-03-02 12:00:00' }], '2026-03-02T11:00:00Z'],
    ['in any casing', [{ scheduletime: '2026-03-02 12:00' }], '2026-03-02T11:00:00Z'],
    [
      'the latest of the page',
      [
        { ScheduleTime: '2026-03-02 12:00:00' },
        { ScheduleTime: '2026-07-02 12:00:00' },
        { ScheduleTime: '2026-03-02 13:00:00' },
      ],
      '2026-07-02T10:00:00Z',
    ],
    [
      'what cannot be read is no matter',
      [{ ScheduleTime: 'soon' }, { ScheduleTime: '2026-03-02 12:00:00' }, {}, null],
      '2026-03-02T11:00:00Z',
    ],
  ])('tells for when that was scheduled: %s', async (_name, rows, instant) => {
    answer = rows;
    const { scheduledAt } = await open().executedCustomers(page, reading());
    expect(scheduledAt).toBe(Date.parse(instant));
  });
});

test('the executed campaigns of a day are read in any spelling, without those that have no id', async () => {
  answer = [
    { CampaignID: 70412, Duration: 7, LeadTime: '2', Status: 'Successful', IsMultiChannel: 'x' },
    { campaignid: '70413', status: ' SUCCESSFUL ', Channels: [{ Id: 504 }] },
    { CampaignID: 70414, Status: 'Failed', Error: 'no template' },
    { CampaignID: 70415 },
    { Status: 'Successful' },
    null,
  ];
  expect(await open().executedCampaigns('2026-03-02', reading())).toEqual([
    { campaignId: '70412', succeeded: true, details: { durationDays: 7, leadTimeDays: 2 } },
    { campaignId: '70413', succeeded: true, details: { channelIds: ['504'] } },
    { campaignId: '70414', succeeded: false, details: {} },
    { campaignId: '70415', succeeded: false, details: {} },
  ]);
  expect(farSide.received.map(({ url }) => url)).toEqual([
    '/Actions/GetExecutedCampaignDetails?Date=2026-03-02',
  ]);
});

test('whose campaign ended is told with its first day, the control group left out', async () => {
  answer = [
    { CustomerID: '007', ActionID: 19, ChannelID: 504, Date: '2026-03-02', Duration: 7 },
    { customerId: 8, date: '2026-03-02 00:00:00' },
    { CustomerID: 'P-3', ActionID: '19', Date: 'yesterday' },
    { CustomerID: 'P-4', ActionID: 1, Date: '2026-03-02' },
    { ActionID: 19, Date: '2026-03-02' },
    'P-5',
  ];
  const page = { date: '2026-03-09', skip: 0, top: 100 };
  expect(await open().endedActions(page, reading())).toEqual({
    rows: [
      { customerId: '007', actionId: '19', startDate: '2026-03-02' },
      { customerId: '8', actionId: undefined, startDate: '2026-03-02' },
      { customerId: 'P-3', actionId: '19', startDate: undefined },
    ],
    length: 6,
  });
  expect(farSide.received.map(({ url }) => url)).toEqual([
    '/Customers/GetCustomersActionEndedByDate?Date=2026-03-09&$top=100&$skip=0',
  ]);
});

test.each(['executedCustomers', 'executedCampaigns', 'endedActions'] as const)(
  'an answer of %s that is no list is not understood',
  async (name) => {
    answer = 'Unauthorized';
    const { executedCustomers, executedCampaigns, endedActions } = open();
    const calls = {
      executedCustomers: () =>
        executedCustomers({ campaignId: '7', channelId: '1', skip: 0, top: 1 }, reading()),
      executedCampaigns: () => executedCampaigns('2026-03-02', reading()),
      endedActions: () => endedActions({ date: '2026-03-02', skip: 0, top: 1 }, reading()),
    };
    await expect(calls[name]()).rejects.toMatchObject({ kind: 'malformed' });
  },
);
