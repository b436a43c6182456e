import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPace, fits, percentile, settleMs } from '../../src/decisions/budget.ts';
import { answeredAfterMs, mostWaiting, type Queue, sheds } from '../../src/decisions/shedding.ts';

const ms = fc.nat(5_000);

test('a step is begun only where what is left is enough for it', () => {
  fc.assert(
    fc.property(ms, ms, (leftMs, expectedMs) => {
      expect(fits(leftMs, expectedMs)).toBe(leftMs - expectedMs >= settleMs);
    }),
  );
});

test('a pace is what nineteen of twenty recent steps kept to', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 20, max: 3_000 }), { minLength: 1, maxLength: 128 }),
      (took) => {
        const pace = createPace(() => 0);
        for (const one of took) pace.note(one);
        const expected = pace.expectedMs();
        expect(took).toContain(expected);
        const within = took.filter((one) => one <= expected).length;
        expect(within / took.length).toBeGreaterThanOrEqual(0.95);
        expect(took.filter((one) => one < expected).length / took.length).toBeLessThan(0.95);
      },
    ),
  );
});

test('a far side that was slow is tried again after a while', () => {
  let now = 0;
  const pace = createPace(() => now);
  const least = pace.expectedMs();
  pace.note(5_000);
  expect(pace.expectedMs()).toBe(5_000);
  now += 10_001;
  expect(pace.expectedMs()).toBe(least);
});

test('no percentile is above the largest, nor there where nothing is', () => {
  expect(percentile([], 0.95)).toBeUndefined();
  expect(percentile([3], 0.95)).toBe(3);
});

const queue: fc.Arbitrary<Queue> = fc.record({
  waiting: fc.nat(mostWaiting),
  mostPerPool: fc.integer({ min: 1, max: 2_000 }),
  poolsBefore: fc.nat(20),
  turnMs: fc.nat(500),
  stepsMs: fc.nat(1_000),
});

test('whoever is let in can be answered in time by the turns to come', () => {
  fc.assert(
    fc.property(queue, fc.nat(2_500), (one, leftMs) => {
      if (sheds(one, leftMs)) return;
      expect(answeredAfterMs(one) + settleMs).toBeLessThanOrEqual(leftMs);
    }),
  );
});

test('a longer queue, or less time, never lets in whom a shorter one sheds', () => {
  fc.assert(
    fc.property(queue, fc.nat(2_500), fc.nat(500), fc.nat(1_000), (one, leftMs, less, more) => {
      if (!sheds(one, leftMs)) return;
      expect(sheds(one, leftMs - less)).toBe(true);
      expect(sheds({ ...one, waiting: one.waiting + more }, leftMs)).toBe(true);
      expect(sheds({ ...one, poolsBefore: one.poolsBefore + more }, leftMs)).toBe(true);
    }),
  );
});

test('a line that is full sheds however much time is left', () => {
  const full = { waiting: mostWaiting, mostPerPool: 2_000, poolsBefore: 0, turnMs: 0, stepsMs: 0 };
  expect(sheds(full, Infinity)).toBe(true);
});

test('with nobody ahead a small budget is enough for the calls themselves', () => {
  const idle = { waiting: 0, mostPerPool: 2_000, poolsBefore: 0, turnMs: 200, stepsMs: 40 };
  expect(sheds(idle, 40 + settleMs)).toBe(false);
  expect(sheds({ ...idle, waiting: 1 }, 40 + settleMs)).toBe(true);
});
