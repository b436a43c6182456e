import { expect, test } from 'vitest';
import { hasGate } from '../../src/domain/tenant.ts';
import { loadTenant, mistakesOf, promotions } from './file.ts';

const publisher = { baseUrl: 'http://publisher.test', apiKey: 'key' };
const apiKeys = ['shop-key'];

test('a section without a word has every default', () => {
  const tenant = loadTenant({ triggered: {} });
  expect(tenant.triggered).toEqual({
    gate: 'managed',
    executed: 'payload',
    activation: 'immediate',
    budgetMs: 1_500,
    visitors: false,
    repeats: 'once',
    repeatWindowSeconds: 600,
    registration: 'v2',
  });
  expect(tenant.claims).toBeUndefined();
  expect(hasGate(tenant)).toBe(true);
});

test.each([
  [true, 'managed'],
  ['managed', 'managed'],
  [false, 'off'],
  ['off', 'off'],
] as const)('gate: %s is %s', (gate, meant) => {
  const tenant = loadTenant({ triggered: { gate } });
  expect(tenant.triggered?.gate).toBe(meant);
  expect(hasGate(tenant)).toBe(meant === 'managed');
});

test('without the section there is no gate', () => {
  expect(hasGate(loadTenant({}))).toBe(false);
});

test('a publisher’s gate forwards to the listener it was given', () => {
  const listenerUrl = 'https://publisher.test/listen?tenant=7';
  const tenant = loadTenant({
    triggered: { gate: 'publisher' },
    publisher: { ...publisher, listenerUrl },
  });
  expect(hasGate(tenant)).toBe(true);
  expect(tenant.publisher).toEqual({
    ...publisher,
    sharesOptimoveLimit: false,
    rateLimit: undefined,
    listenerUrl,
  });
});

test('claims are there where something is claimed, with the keys of the platform', () => {
  const claimed = { activation: 'claimed' };
  const both = loadTenant({ apiKeys, scheduled: claimed, claims: { reportStatus: 'off' } });
  expect(both).toMatchObject({ apiKeys, claims: { reportStatus: 'off' } });
  expect(both.scheduled.activation).toBe('claimed');
  expect(loadTenant({ apiKeys, triggered: claimed }).claims).toEqual({ reportStatus: 'always' });
  expect(loadTenant({ apiKeys, claims: {} }).claims).toBeUndefined();
});

test('channels are kept as Optimove gave them', () => {
  const tenant = loadTenant({ triggered: {}, listeners: { 11: [611, '0612'] } });
  expect(tenant.triggerChannels).toEqual(['611', '0612']);
});

const claimed = { activation: 'claimed' };
test.each([
  [
    'a publisher’s gate without a publisher',
    { triggered: { gate: 'publisher' } },
    'triggered.gate',
    'needs publisher',
  ],
  [
    'a publisher’s gate whose rewards are to be claimed',
    { apiKeys, publisher, triggered: { gate: 'publisher', ...claimed } },
    'triggered.activation',
    'contradicts gate: publisher',
  ],
  [
    'awards without Promotions',
    { triggered: { executed: 'assignments' } },
    'triggered.executed',
    'needs promotions',
  ],
  [
    'awards that are to be claimed',
    { apiKeys, promotions, triggered: { executed: 'assignments', ...claimed } },
    'triggered.executed',
    'contradicts activation: claimed',
  ],
  [
    'claimed triggers that nobody may claim',
    { triggered: claimed },
    'triggered.activation',
    'needs apiKeys',
  ],
  [
    'claimed rewards that nobody may claim',
    { scheduled: claimed },
    'scheduled.activation',
    'needs apiKeys',
  ],
  [
    'channels of events that nobody heeds',
    { listeners: { 11: [611] } },
    'listeners.11',
    'needs triggered.executed',
  ],
  [
    'channels of events that are off',
    { triggered: { executed: 'off' }, listeners: { 11: [611] } },
    'listeners.11',
    'needs triggered.executed',
  ],
  [
    'two limits for the publisher',
    {
      triggered: { gate: 'publisher' },
      publisher: {
        ...publisher,
        sharesOptimoveLimit: true,
        rateLimit: { requests: 5, perSeconds: 1 },
      },
    },
    'publisher.rateLimit',
    'contradicts sharesOptimoveLimit',
  ],
  ['a gate in other words', { triggered: { gate: 'maybe' } }, 'triggered.gate', 'must be true'],
  [
    'a budget that Optimove does not wait for',
    { triggered: { budgetMs: 3_000 } },
    'triggered.budgetMs',
    'from 1 to 2500',
  ],
  [
    'a window without end',
    { triggered: { repeatWindowSeconds: 0 } },
    'triggered.repeatWindowSeconds',
    'whole number',
  ],
  [
    'a registration of a third generation',
    { triggered: { registration: 'v3' } },
    'triggered.registration',
    'v1, v2',
  ],
  [
    'a listener of an event that follows from the flows',
    { listeners: { 5: [504] } },
    'listeners.5',
    'not a known key',
  ],
  [
    'a channel that is none',
    { triggered: {}, listeners: { 11: [null] } },
    'listeners.11.0',
    'must be a channel id',
  ],
  ['an unknown key', { triggered: { colour: 'red' } }, 'triggered.colour', 'not a known key'],
  ['an unknown word on claims', { claims: { reportStatus: 'no' } }, 'claims.reportStatus', 'off'],
])('%s is refused with its path', (_name, sections, path, message) => {
  expect(mistakesOf(sections)).toEqual([{ path, message: expect.stringContaining(message) }]);
});

test('contradictions in one section are listed together', () => {
  const triggered = { gate: 'publisher', activation: 'claimed', executed: 'assignments' };
  expect(
    mistakesOf({ triggered })
      .map(({ path }) => path)
      .sort(),
  ).toEqual([
    'triggered.activation',
    'triggered.activation',
    'triggered.executed',
    'triggered.executed',
    'triggered.gate',
  ]);
});
