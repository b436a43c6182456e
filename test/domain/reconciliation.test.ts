import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clearances, redemptions, states } from '../../src/domain/assignment.ts';
import { flows } from '../../src/domain/flow.ts';
import {
  type Books,
  type Entry,
  judge,
  repairOfStranger,
  verdicts,
} from '../../src/domain/reconciliation.ts';

/** A customer who was approved, sent, given, and holds it. */
const clean: Entry = {
  ...{ state: 'allocated', clearance: 'approved', redemption: 'told', reason: undefined },
  ...{ hasReward: true, endedAgoMs: -60_000, platform: 'allocated', isSent: true },
  ...{ isAwarded: true, isEnded: undefined, isUsed: false, twice: undefined, isCovered: false },
};
const managed: Books = {
  ...{ flow: 'managed', codes: 'all', isFenced: false, isClaimed: false, notSent: 'list' },
  ...{ isSentKnown: true, deadlineAgoMs: 3_600_000 },
};

const told = fc.constantFrom(undefined, true, false);
const entry: fc.Arbitrary<Entry> = fc.record({
  state: fc.constantFrom(...states),
  clearance: fc.constantFrom(...clearances),
  redemption: fc.constantFrom(...redemptions),
  reason: fc.constantFrom(undefined, 'not_awarded', 'suppressed', 'failed'),
  hasReward: fc.boolean(),
  endedAgoMs: fc.constantFrom(-60_000, 60_000, 7_200_000),
  platform: fc.constantFrom(
    ...([undefined, 'allocated', 'declined', 'revoked', 'unknown'] as const),
  ),
  isSent: told,
  isAwarded: told,
  isEnded: told,
  isUsed: fc.boolean(),
  twice: fc.constantFrom(undefined, 'one_key' as const, 'two_keys' as const),
  isCovered: fc.boolean(),
});
const books: fc.Arbitrary<Books> = fc.record({
  flow: fc.constantFrom(...flows),
  codes: fc.constantFrom('all' as const, 'any' as const),
  isFenced: fc.boolean(),
  isClaimed: fc.boolean(),
  notSent: fc.constantFrom('list' as const, 'revoke' as const),
  isSentKnown: fc.boolean(),
  deadlineAgoMs: fc.constantFrom(3_600_000, 90_000_000),
});

test('nothing that was used is ever taken back, nor given again', () => {
  fc.assert(
    fc.property(entry, books, (one, of) => {
      const judgement = judge({ ...one, state: 'used' }, of);
      expect(['revoke', 'expire', 'restore']).not.toContain(judgement?.repair);
    }),
  );
});

test('nothing is given after a fence, after its end, or to whom nobody has approved', () => {
  fc.assert(
    fc.property(entry, books, (one, of) => {
      if (judge(one, of)?.repair !== 'restore') return;
      expect(of.isFenced).toBe(false);
      expect(one.clearance).not.toBe('denied');
      expect(one.clearance).not.toBe('none');
      if (one.platform === 'unknown' && one.state === 'allocated') {
        expect(one.endedAgoMs).toBeLessThan(0);
      }
    }),
  );
});

test('what its customer was approved for, sent and holds is not taken back before its end', () => {
  fc.assert(
    fc.property(entry, books, (one, of) => {
      const held = { ...one, clearance: 'approved', isSent: true, platform: 'allocated' } as const;
      if (of.isFenced || held.twice || held.endedAgoMs > 0 || held.state === 'expired') return;
      expect(['revoke', 'expire']).not.toContain(judge(held, of)?.repair);
    }),
  );
});

test('a platform that was not asked is not said to differ', () => {
  fc.assert(
    fc.property(books, (of) => {
      const unasked = { ...clean, isSent: undefined, platform: undefined };
      expect(judge(unasked, { ...of, isFenced: false })).toBeUndefined();
    }),
  );
});

test.each<[string, Partial<Entry>, Partial<Books>]>([
  ['an ordinary one', {}, {}],
  [
    'one that was refused',
    {
      state: 'refused',
      clearance: 'denied',
      isSent: false,
      redemption: 'none',
      platform: undefined,
    },
    {},
  ],
  ['one that has ended', { state: 'expired', platform: 'revoked' }, {}],
  ['one whose expiry is due', { endedAgoMs: 60_000 }, {}],
  ['one of a campaign that has not been sent yet', { isSent: false }, { isSentKnown: false }],
  ['one that the settings take back by themselves', { isSent: false }, { notSent: 'revoke' }],
  [
    'one that waits for its claim',
    { state: 'screened', platform: undefined, redemption: 'none' },
    { isClaimed: true },
  ],
  [
    'one whose customer holds another code',
    { state: 'lapsed', platform: undefined, redemption: 'none', isCovered: true },
    { codes: 'any' },
  ],
  [
    'one that was taken back with its campaign',
    { state: 'revoked', platform: 'revoked' },
    { isFenced: true },
  ],
  ['one that was used before its campaign was deleted', { state: 'used' }, { isFenced: true }],
  [
    'one whose customer was suppressed',
    { state: 'revoked', reason: 'suppressed', platform: 'revoked' },
    {},
  ],
  [
    'one that an operator has taken back',
    { state: 'revoked', reason: 'operator', platform: 'revoked' },
    {},
  ],
])('%s does not differ', (_name, one, of) => {
  expect(judge({ ...clean, ...one }, { ...managed, ...of })).toBeUndefined();
});

test.each<[string, string, Partial<Entry>, Partial<Books>]>([
  [
    'approved_not_held',
    'restore',
    { clearance: 'delegated', platform: 'unknown' },
    { flow: 'automatic' },
  ],
  ['approved_not_held', 'restore', { clearance: 'unknown', platform: 'unknown' }, {}],
  ['approved_not_held', 'person', { platform: 'unknown', endedAgoMs: 60_000 }, {}],
  ['expired_but_held', 'expire', { endedAgoMs: 7_200_000 }, {}],
  ['revoked_at_platform', 'person', { platform: 'declined' }, {}],
  [
    'sent_not_held',
    'person',
    { state: 'lapsed', platform: undefined, redemption: 'none', hasReward: false },
    {},
  ],
  ['sent_not_held', 'person', { state: 'revoked', reason: 'not_sent', platform: 'revoked' }, {}],
  [
    'sent_not_held',
    'person',
    {
      state: 'lapsed',
      clearance: 'delegated',
      reason: 'failed',
      platform: undefined,
      redemption: 'none',
    },
    { flow: 'executions' },
  ],
  [
    'awarded_not_given',
    'fulfil',
    { state: 'published', clearance: 'delegated', platform: undefined, redemption: 'none' },
    { flow: 'publisher' },
  ],
  [
    'awarded_not_given',
    'person',
    {
      state: 'refused',
      reason: 'not_awarded',
      clearance: 'delegated',
      platform: undefined,
      redemption: 'none',
    },
    { flow: 'automatic' },
  ],
  ['allocated_twice', 'revoke', { twice: 'two_keys' }, {}],
  ['allocated_twice', 'person', { twice: 'one_key' }, {}],
])('%s is mended by %s', (verdict, repair, one, of) => {
  expect(judge({ ...clean, ...one }, { ...managed, ...of })).toEqual({ verdict, repair });
});

test('a stranger is fulfilled where the far side that names him decides who is given anything', () => {
  const repairs = flows.map((flow) => [
    ...[flow, repairOfStranger('awarded_unknown', flow), repairOfStranger('sent_unknown', flow)],
  ]);
  expect(repairs).toEqual([
    ['managed', 'person', 'person'],
    ['publisher', 'person', 'person'],
    ['automatic', 'fulfil', 'person'],
    ['executions', 'person', 'fulfil'],
    ['shadow', 'person', 'person'],
  ]);
});

test('every verdict says what is so, and what a person does', () => {
  for (const { says, advice } of Object.values(verdicts)) {
    expect(says.length).toBeGreaterThan(20);
    expect(advice.length).toBeGreaterThan(20);
  }
});
