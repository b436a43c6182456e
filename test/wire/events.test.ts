import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEvent } from '../../src/wire/events.ts';
import { codeForms, coins, idForms, recase, someCodes } from './spelling.ts';

const zone = 'Europe/Malta';
const five = {
  EventTypeID: 5,
  TimeStamp: '2026-03-02 08:15:00',
  CampaignID: 70412,
  CampaignDuration: 7,
  ClearanceRequiredBy: '2026-03-02 11:30:00',
};
const opened = {
  kind: 'opened',
  type: 5,
  campaignId: '70412',
  deadline: Date.parse('2026-03-02T10:30:00Z'),
  durationDays: 7,
  sentAt: Date.parse('2026-03-02T07:15:00Z'),
};

test('event 5 opens a campaign with its deadline in the tenant’s zone', () => {
  expect(readEvent(five, zone)).toEqual({ usable: true, event: opened });
});

test('numbers may be strings, keys in any casing, unknown fields are no matter', () => {
  const body = {
    eventtypeid: '5',
    TIMESTAMP: '2026-03-02 08:15:00',
    campaignID: '70412',
    campaignduration: '7',
    clearanceRequiredBy: '2026-03-02 11:30',
    Brand: { name: 'x' },
  };
  expect(readEvent(body, zone)).toEqual({ usable: true, event: opened });
});

test('a duration or time stamp that cannot be read is left out', () => {
  const body = { ...five, CampaignDuration: 'long', TimeStamp: 'now' };
  expect(readEvent(body, zone)).toEqual({
    usable: true,
    event: { ...opened, durationDays: undefined, sentAt: undefined },
  });
});

test('event 4 deletes a campaign', () => {
  const body = { EventTypeID: 4, TimeStamp: 'soon', CampaignID: '0070' };
  expect(readEvent(body, zone)).toEqual({
    usable: true,
    event: { kind: 'deleted', type: 4, campaignId: '0070', sentAt: undefined },
  });
});

test('a deadline in the past is read; what it means is decided elsewhere', () => {
  const reading = readEvent({ ...five, ClearanceRequiredBy: '2020-01-01 00:00:00' }, 'UTC');
  expect(reading).toMatchObject({ usable: true, event: { deadline: Date.UTC(2020, 0, 1) } });
});

test.each([2, 3, 14])('event %i is known, and recorded', (type) => {
  const body = { EventTypeID: type, campaignID: '9', channelID: 504 };
  expect(readEvent(body, zone)).toEqual({
    usable: true,
    event: { kind: 'recorded', type, campaignId: '9', channelId: '504', sentAt: undefined },
  });
});

test('event 13 tells through which channel a campaign was sent', () => {
  const body = {
    EventTypeID: '13',
    TimeStamp: '2026-03-02 12:00:05',
    CampaignID: 70412,
    ChannelID: 504,
  };
  expect(readEvent(body, zone)).toEqual({
    usable: true,
    event: {
      ...{ kind: 'executed', type: 13, campaignId: '70412', channelId: '504' },
      sentAt: Date.parse('2026-03-02T11:00:05Z'),
    },
  });
});

test.each([undefined, null, ''])(
  'event 13 of the channel %o is about all channels',
  (ChannelID) => {
    expect(readEvent({ EventTypeID: 13, CampaignID: 9, ChannelID }, zone)).toMatchObject({
      usable: true,
      event: { kind: 'executed', channelId: undefined },
    });
  },
);

test('event 1 tells that a campaign was sent, whatever the channel', () => {
  expect(readEvent({ EventTypeID: 1, CampaignID: 9, ChannelID: 504 }, zone)).toEqual({
    usable: true,
    event: {
      ...{ kind: 'executed', type: 1, campaignId: '9' },
      channelId: undefined,
      sentAt: undefined,
    },
  });
});

/** The working shape of API §5.7. */
const eleven = {
  eventTypeID: 11,
  timeStamp: '2026-03-02 10:22:31',
  campaignID: '88120',
  actionSerial: null,
  channelID: 611,
  templateID: 14,
  customerID: 'P-99812',
  isVisitor: false,
  promoCode: ['SPIN20'] as unknown,
  notes: '{"duration":3}',
  attributes: { COUNTRY: 'MT', vip_Level: 'gold' } as unknown,
  eventParams: { amount: 50, Game: { id: 'g1' } } as unknown,
};
const triggered = {
  kind: 'triggered',
  type: 11,
  campaignId: '88120',
  customerId: 'P-99812',
  isVisitor: false,
  promoCodes: ['SPIN20'],
  notes: '{"duration":3}',
  channelId: '611',
  templateId: '14',
  attributes: { COUNTRY: 'MT', vip_Level: 'gold' },
  event: { amount: 50, Game: { id: 'g1' } },
  sentAt: Date.parse('2026-03-02T09:22:31Z'),
};

test('event 11 is read whole, and what it carries keeps the names the tenant gave', () => {
  expect(readEvent(eleven, zone)).toEqual({ usable: true, event: triggered });
});

test('any casing of the names and any form of ids and codes is the same event 11', () => {
  const own = new Set(['attributes', 'eventParams']);
  fc.assert(
    fc.property(
      coins,
      someCodes.chain((codes) => fc.tuple(fc.constant(codes), codeForms(codes))),
      fc.tuple(idForms, idForms),
      (letters, [codes, promoCode], [customer, campaign]) => {
        const body = { ...eleven, promoCode, customerID: customer[1], campaignID: campaign[1] };
        expect(readEvent(recase(body, letters, own), zone)).toEqual({
          usable: true,
          event: {
            ...triggered,
            promoCodes: codes,
            customerId: customer[0],
            campaignId: campaign[0],
          },
        });
      },
    ),
  );
});

test('event 11 needs no more than customer and campaign', () => {
  const body = { eventTypeID: 11, campaignID: 88120, customerID: 7, promoCode: null };
  expect(readEvent(body, zone)).toMatchObject({
    usable: true,
    event: { customerId: '7', promoCodes: [], isVisitor: false, attributes: undefined },
  });
});

test('values that no database can hold are left out of event 11, the others stay', () => {
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
  const attributes = { CITY: 'a\0b', 'N\ud800': 1, DEEP: deep, COUNTRY: 'MT' };
  expect(readEvent({ ...eleven, attributes, eventParams: [1] }, zone)).toMatchObject({
    event: { attributes: { COUNTRY: 'MT' }, event: undefined },
  });
});

test('an unknown type is told apart, with the campaign it names', () => {
  expect(readEvent({ EventTypeID: 77, CampaignID: 1 }, zone)).toEqual({
    usable: true,
    event: { kind: 'unknown', type: 77, campaignId: '1', sentAt: undefined },
  });
});

const { CampaignID: _campaign, ...withoutCampaign } = five;
const { ClearanceRequiredBy: _clearance, ...withoutClearance } = five;

test.each([
  ['an array', [five], 'not a JSON object'],
  ['a text', '5', 'not a JSON object'],
  ['null', null, 'not a JSON object'],
  ['an empty object', {}, 'no EventTypeID'],
  ['a type in words', { ...five, EventTypeID: 'five' }, 'EventTypeID is not a number'],
  ['no campaign', withoutCampaign, 'no CampaignID'],
  ['a campaign of null', { ...five, CampaignID: null }, 'no CampaignID'],
  ['a campaign with a path', { ...five, CampaignID: '1/batch/0' }, 'not a plain id'],
  ['event 11 about nobody', { ...eleven, customerID: ' ' }, 'no customerID'],
  ['event 11 of no campaign', { ...eleven, campaignID: null }, 'no CampaignID'],
  ['event 11 with odd codes', { ...eleven, promoCode: { a: 1 } }, 'promoCode is not understood'],
  ['event 11 of who knows whom', { ...eleven, isVisitor: 'maybe' }, 'isVisitor is not'],
  ['event 13 of no campaign', { EventTypeID: 13, ChannelID: 504 }, 'no CampaignID'],
  ['event 1 of no campaign', { EventTypeID: 1 }, 'no CampaignID'],
  [
    'event 13 of a channel with a path',
    { EventTypeID: 13, CampaignID: 9, ChannelID: '5/4' },
    'ChannelID is not a plain id',
  ],
  ['no deadline', withoutClearance, 'ClearanceRequiredBy cannot be used'],
  ['a deadline in words', { ...five, ClearanceRequiredBy: 'noon' }, 'ClearanceRequiredBy cannot'],
  [
    'a deadline that the clocks skip',
    { ...five, ClearanceRequiredBy: '2026-03-29 02:30:00' },
    'daylight saving',
  ],
])('%s cannot be used, and says why', (_name, body, reason) => {
  expect(readEvent(body, zone)).toMatchObject({
    usable: false,
    reason: expect.stringContaining(reason),
  });
});

test('a body that cannot be used still says whose it was', () => {
  expect(readEvent(withoutClearance, zone)).toMatchObject({ type: 5, campaignId: '70412' });
});
