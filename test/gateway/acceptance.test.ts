import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type AcceptanceDeps, accept } from '../../src/gateway/acceptance.ts';
import type { Receipt } from '../../src/ledger/inbox.ts';
import { acme, eventFive } from './doors.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A ledger that answers when it is told to, and a Temporal that takes what it is given. */
function heldUp() {
  const { promise, resolve } = Promise.withResolvers<Receipt>();
  const started: string[] = [];
  const deps: AcceptanceDeps = {
    inbox: {
      record: () => promise,
      fence: async () => true,
      announce: async () => 'fresh',
    },
    starts: {
      startCampaign: async () => void started.push('campaign'),
      startCancellation: async () => void started.push('cancellation'),
      kickGrants: () => void started.push('grants'),
    },
    wakeRelay: () => {},
    wakeWatch: () => {},
    alarm: { raise: async () => {} },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  };
  const take = (json: Record<string, unknown>) =>
    accept(deps, acme({ triggered: {} }), { raw: JSON.stringify(json), json });
  return { take, started, answer: () => resolve({ times: 1, status: 'queued' }) };
}

const eventEleven = { eventTypeID: 11, campaignID: '88', customerID: 'ann', promoCode: ['SPINS'] };

it('an event 11 waits for a ledger that is slow, because nobody else may keep it', async () => {
  const { take, started, answer } = heldUp();
  const taken = take(eventEleven);
  await vi.advanceTimersByTimeAsync(9_999);
  answer();
  expect(await taken).toBe('ledger');
  expect(started).toEqual(['grants']);
});

it('an event 11 is given back when the ledger stays away', async () => {
  const { take, started } = heldUp();
  const taken = take(eventEleven);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await taken).toBe('nowhere');
  expect(started).toEqual([]);
});

it('an answer that came while the process was held up is heard, though its time is over', async () => {
  const { take, started, answer } = heldUp();
  const taken = take(eventFive('4711'));
  vi.advanceTimersByTime(1_500);
  answer();
  expect(await taken).toBe('ledger');
  expect(started).toEqual([]);
});

it('event 5 goes to Temporal as soon as the ledger is taken for away', async () => {
  const { take, started } = heldUp();
  const taken = take(eventFive('4711'));
  await vi.advanceTimersByTimeAsync(1_500);
  expect(await taken).toBe('temporal');
  expect(started).toEqual(['campaign']);
});
