import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { multirange, positionsOf } from '../../src/ledger/positions.ts';
import { openLedger, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(2);
});
afterAll(() => ledger.close());

const positions = fc.uniqueArray(fc.integer({ min: 1, max: 30 }));

function ascending(list: number[]): number[] {
  return [...list].sort((a, b) => a - b);
}

test('positions come back in ascending order, and side by side take one range', () => {
  fc.assert(
    fc.property(positions, (list) => {
      expect(positionsOf(multirange(list))).toEqual(ascending(list));
    }),
  );
  expect(multirange([3, 1, 2, 7])).toBe('{[1,4),[7,8)}');
  expect(multirange([])).toBe('{}');
});

test('Postgres writes a multirange exactly as we do', async () => {
  await fc.assert(
    fc.asyncProperty(positions, async (list) => {
      const read = await ledger.pool.query<{ text: string }>(
        'select $1::int4multirange::text as text',
        [multirange(list)],
      );
      expect(read.rows[0]?.text).toBe(multirange(list));
    }),
    { numRuns: 30 },
  );
});
