import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRanks, firstClass, nextWaiter, streakAfter } from '../../src/limiter/order.ts';
import type { Rank } from '../../src/world.ts';

const rank: fc.Arbitrary<Rank> = fc.record({
  class: fc.constantFrom('interactive' as const, 'bulk' as const),
  deadline: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(Number.POSITIVE_INFINITY)),
  stage: fc.integer({ min: 0, max: 3 }),
});
const first = fc.constantFrom('interactive' as const, 'bulk' as const);

test('the order of ranks is total: no circle, and the same from both sides', () => {
  fc.assert(
    fc.property(rank, rank, rank, first, (a, b, c, leading) => {
      expect(Math.sign(compareRanks(a, b, leading))).toBe(
        -Math.sign(compareRanks(b, a, leading)) + 0,
      );
      if (compareRanks(a, b, leading) <= 0 && compareRanks(b, c, leading) <= 0) {
        expect(compareRanks(a, c, leading)).toBeLessThanOrEqual(0);
      }
    }),
  );
});

test('class counts before deadline, and deadline before stage', () => {
  const ranks: Rank[] = [
    { class: 'bulk', deadline: Number.POSITIVE_INFINITY, stage: 9 },
    { class: 'bulk', deadline: 1, stage: 2 },
    { class: 'interactive', deadline: 9, stage: 0 },
    { class: 'bulk', deadline: 1, stage: 3 },
    { class: 'interactive', deadline: 8, stage: 0 },
  ];
  const places = ranks.toSorted((a, b) => compareRanks(a, b)).map((one) => ranks.indexOf(one));
  expect(places).toEqual([4, 2, 3, 1, 0]);
});

test('next is a waiter whom nobody goes before, and among equals the one who came first', () => {
  fc.assert(
    fc.property(fc.array(rank, { minLength: 1 }), first, (ranks, leading) => {
      const waiters = ranks.map((one) => ({ rank: one }));
      const next = nextWaiter(waiters, leading);
      const ahead = waiters.slice(0, next === undefined ? 0 : waiters.indexOf(next));
      expect(next).toBeDefined();
      if (next === undefined) return;
      expect(waiters.every((one) => compareRanks(one.rank, next.rank, leading) >= 0)).toBe(true);
      expect(ahead.every((one) => compareRanks(one.rank, next.rank, leading) > 0)).toBe(true);
    }),
  );
});

test('while both classes wait in a spaced bucket, of any five grants one is bulk', () => {
  const both: Rank[] = [
    { class: 'interactive', deadline: 0, stage: 0 },
    { class: 'bulk', deadline: 0, stage: 0 },
  ];
  const waiters = both.map((one) => ({ rank: one }));
  let streak = 0;
  const granted = Array.from({ length: 10 }, () => {
    const next = nextWaiter(waiters, firstClass(true, streak));
    streak = streakAfter(streak, next?.rank.class ?? 'bulk', true);
    return next?.rank.class === 'bulk' ? 'b' : 'i';
  });
  expect(granted.join('')).toBe('iiiibiiiib');
});

test('interactive alone is never held back for bulk, nor is it where bursts are allowed', () => {
  expect(streakAfter(2, 'interactive', false)).toBe(2);
  expect(firstClass(false, 4)).toBe('interactive');
});
