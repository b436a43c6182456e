import { expect, test } from 'vitest';
import { loadTenant, mistakesOf, promotions } from './file.ts';

const publisher = { baseUrl: 'http://publisher.test', apiKey: 'key' };
const apiKeys = ['shop-key'];
const published = { conditional: 'publisher' };
const off = { conditional: 'off', executed: 'off' };

test.each([
  ['with Promotions, what was awarded', { promotions }, 'assignments'],
  ['without it, nothing', {}, 'off'],
  ['else what is said', { promotions, scheduled: { executed: 'executions' } }, 'executions'],
])('after event 13 is given: %s', (_name, sections, executed) => {
  expect(loadTenant(sections).scheduled.executed).toBe(executed);
});

test.each([
  ['managed', {}],
  ['shadow', {}],
  ['off', {}],
  ['publisher', { publisher, promotions }],
])('event 5 may lead to: %s', (conditional, sections) => {
  const tenant = loadTenant({ ...sections, scheduled: { conditional } });
  expect(tenant.scheduled.conditional).toBe(conditional);
});

test('a publisher’s campaign needs no Promotions where the platform is told nothing', () => {
  const tenant = loadTenant({ publisher, scheduled: { ...published, executed: 'off' } });
  expect(tenant.scheduled).toMatchObject({ conditional: 'publisher', executed: 'off' });
});

test('what was not sent may be taken back', () => {
  expect(loadTenant({ scheduled: { notSent: 'revoke' } }).scheduled.notSent).toBe('revoke');
  expect(loadTenant({}).scheduled.notSent).toBe('list');
});

test('channels of events 13 are kept as Optimove gave them, and event 1 counts where it is said', () => {
  expect(loadTenant({ listeners: { 13: [504, '0505'], 1: true } })).toMatchObject({
    executedChannels: ['504', '0505'],
    hearsEventOne: true,
  });
});

test('listeners that heed nothing contradict nothing', () => {
  expect(loadTenant({ scheduled: off, listeners: { 13: [], 1: false } })).toMatchObject({
    executedChannels: [],
    hearsEventOne: false,
  });
});

test.each([
  [
    'a publisher’s campaign without a publisher',
    { promotions, scheduled: published },
    'scheduled.conditional',
    'needs publisher',
  ],
  [
    'a publisher’s campaign whose rewards are to be claimed',
    { apiKeys, publisher, promotions, scheduled: { ...published, activation: 'claimed' } },
    'scheduled.activation',
    'contradicts conditional: publisher',
  ],
  [
    'a shadow campaign whose rewards are to be claimed',
    { apiKeys, scheduled: { conditional: 'shadow', activation: 'claimed' } },
    'scheduled.activation',
    'contradicts conditional: shadow',
  ],
  [
    'a publisher’s campaign that gives to everybody who was sent',
    { publisher, promotions, scheduled: { ...published, executed: 'executions' } },
    'scheduled.executed',
    'contradicts conditional: publisher',
  ],
  [
    'awards without Promotions',
    { scheduled: { executed: 'assignments' } },
    'scheduled.executed',
    'needs promotions',
  ],
  [
    'a publisher’s campaign whose awards nobody tells',
    { publisher, scheduled: published },
    'scheduled.executed',
    'or say off',
  ],
  [
    'a publisher’s campaign with awards but no Promotions',
    { publisher, scheduled: { ...published, executed: 'assignments' } },
    'scheduled.executed',
    'needs promotions',
  ],
  ['a publisher that nothing uses', { publisher }, 'publisher', 'is used by nothing'],
  [
    'a publisher beside a gate of our own',
    { publisher, triggered: { gate: 'managed' } },
    'publisher',
    'is used by nothing',
  ],
  [
    'channels of executions that lead to nothing',
    { promotions, scheduled: off, listeners: { 13: [504] } },
    'listeners.13',
    'needs scheduled.conditional or scheduled.executed',
  ],
  [
    'event 1 where executions lead to nothing, by default too',
    { scheduled: { conditional: 'off' }, listeners: { 1: true } },
    'listeners.1',
    'needs scheduled.conditional or scheduled.executed',
  ],
  [
    'taking back what nobody gave before the sending',
    { publisher, promotions, scheduled: { ...published, notSent: 'revoke' } },
    'scheduled.notSent',
    'needs conditional: managed',
  ],
  [
    'a conditional in other words',
    { scheduled: { conditional: 'auto' } },
    'scheduled.conditional',
    'managed, publisher, shadow, off',
  ],
  [
    'an execution in other words',
    { scheduled: { executed: 'payload' } },
    'scheduled.executed',
    'assignments, executions, off',
  ],
  [
    'a listener of event 1 with channels',
    { listeners: { 1: [504] } },
    'listeners.1',
    'true or false',
  ],
  ['a channel that is none', { listeners: { 13: [null] } }, 'listeners.13.0', 'channel id'],
])('%s is refused with its path', (_name, sections, path, message) => {
  expect(mistakesOf(sections)).toEqual([{ path, message: expect.stringContaining(message) }]);
});

test('a publisher serves a gate alone', () => {
  const tenant = loadTenant({ publisher, triggered: { gate: 'publisher' } });
  expect(tenant.publisher).toMatchObject(publisher);
});
