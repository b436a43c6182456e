import { expect, test } from 'vitest';
import { readEvent } from '../../src/wire/events.ts';

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

test.each([1, 2, 3, 11, 13, 14])('event %i is known, and recorded', (type) => {
  const body = { EventTypeID: type, campaignID: '9', channelID: 504 };
  expect(readEvent(body, zone)).toEqual({
    usable: true,
    event: { kind: 'recorded', type, campaignId: '9', channelId: '504', sentAt: undefined },
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
