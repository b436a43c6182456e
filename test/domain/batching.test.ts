import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, halve } from '../../src/domain/batching.ts';
import { expiryOf } from '../../src/domain/campaign.ts';
import { assignmentKey } from '../../src/domain/effect.ts';

test('a cut list keeps its members and their order, in full pieces but the last', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 10 }), (list, size) => {
      const pieces = cut(list, size);
      expect(pieces.flat()).toEqual(list);
      expect(pieces.slice(0, -1).every((piece) => piece.length === size)).toBe(true);
      expect(pieces.every((piece) => piece.length > 0 && piece.length <= size)).toBe(true);
    }),
  );
});

test('halving comes down to single members within 14 steps for 10,000', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 2 }), (list) => {
      const [first, second] = halve(list);
      expect([...first, ...second]).toEqual(list);
      expect(first.length - second.length).toBeGreaterThanOrEqual(0);
      expect(first.length - second.length).toBeLessThanOrEqual(1);
    }),
  );
  let piece = Array.from({ length: 10_000 }, (_, index) => index);
  let steps = 0;
  for (; piece.length > 1; steps += 1) piece = halve(piece)[0];
  expect(steps).toBe(14);
});

test('a reward ends a lead time and a duration after execution, at any hour', () => {
  const deadline = Date.UTC(2026, 2, 28, 23, 30);
  const campaign = { deadline, executionDelayMs: 1_800_000, leadTimeDays: 1, durationDays: 7 };
  expect(new Date(expiryOf(campaign)).toISOString()).toBe('2026-04-06T00:00:00.000Z');
  expect(expiryOf({ ...campaign, leadTimeDays: 0, durationDays: 0 })).toBe(deadline + 1_800_000);
});

test('two assignments never share a key', () => {
  const part = fc.string({ unit: fc.constantFrom('a', '/', '%', '2', 'F', '5') });
  const assignment = fc.record({
    campaignId: part,
    customerId: part,
    promoCode: part,
    instance: fc.nat(3),
  });
  fc.assert(
    fc.property(assignment, assignment, (one, other) => {
      expect(assignmentKey(one) === assignmentKey(other)).toBe(
        JSON.stringify(one) === JSON.stringify(other),
      );
    }),
  );
  const keyOf = (customerId: string) =>
    assignmentKey({ campaignId: '7', customerId, promoCode: 'A/B', instance: 0 });
  expect(keyOf('007')).toBe('7/007/A%2FB/0');
  expect(keyOf('a/b')).not.toBe(keyOf('a%2Fb'));
});
