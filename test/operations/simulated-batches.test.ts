import { describe, expect, it } from 'vitest';
import { wayOf } from '../../src/domain/simulation.ts';
import { createBatches, otherReasons } from '../../src/operations/simulated-batches.ts';
import type { SimulatedCustomer } from '../../src/operations/simulated-screen.ts';
import { acme } from '../gateway/doors.ts';
import { row, rowsOf } from '../ledger/ledger.ts';

const promotions = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' };
const sizes = {
  ...{ screenings: 10_000, validations: 10_000, publications: 10_000 },
  ...{ allocations: 10_000, uploads: 10_000 },
};

/** Batches of a managed campaign; what was screened, batch by batch. */
function open(given: {
  reasonOf?: (customerId: string) => string | undefined;
  codes?: 'all' | 'any';
}) {
  const screened: SimulatedCustomer[][] = [];
  const asked: string[] = [];
  const batches = createBatches({
    way: wayOf(acme({ promotions })),
    codes: given.codes ?? 'all',
    async screen(customers) {
      screened.push([...customers]);
      return { asked: customers.length, reasonOf: given.reasonOf ?? (() => undefined) };
    },
    async isKnown(code) {
      asked.push(code);
      return code !== 'NEW';
    },
    sizes: () => sizes,
  });
  return { batches, screened, asked };
}

describe('the batches of a simulation', () => {
  it('hold ten thousand customers each, and every customer and code once', async () => {
    const { batches, screened } = open({});
    for (const one of rowsOf(10_001)) await batches.add(one);
    // Behind the border of the batch: the same row, another code, and none.
    for (const again of [row('c1', 'SPINS'), row('c1', 'OTHER'), row('c10001')]) {
      await batches.add(again);
    }
    const tally = await batches.finish();
    expect(screened.map((customers) => customers.length)).toEqual([10_000, 2]);
    expect(screened[1]).toEqual([
      { customerId: 'c10001', promoCodes: ['SPINS'] },
      { customerId: 'c1', promoCodes: ['OTHER'] },
    ]);
    expect(tally.customers).toBe(10_001);
    expect(Object.fromEntries(tally.promoCodes)).toEqual({ SPINS: 10_001, OTHER: 1 });
  });

  it('ask Promotions once for a code', async () => {
    const { batches, asked } = open({});
    for (const one of rowsOf(20_000)) await batches.add(one);
    await batches.finish();
    expect(asked).toEqual(['SPINS']);
  });

  it.each([
    ['all', { validations: 1, allocations: 0, reports: 0 }],
    ['any', { validations: 1, allocations: 1, reports: 1 }],
  ] as const)('hold the unknown code of a customer against the rule: %s', async (codes, calls) => {
    const { batches } = open({ codes });
    await batches.add(row('c1', 'SPINS', 'NEW'));
    expect((await batches.finish()).calls).toMatchObject(calls);
    expect(batches.unknownCodes()).toEqual(['NEW']);
  });

  it('keep a hundred reasons, and count the others together', async () => {
    const { batches } = open({ reasonOf: (id) => `not ${id}` });
    for (const one of rowsOf(150)) await batches.add(one);
    const { screenedOut, calls } = await batches.finish();
    expect(screenedOut.size).toBe(101);
    expect(screenedOut.get(otherReasons)).toBe(50);
    expect(calls).toMatchObject({ screenings: 1, validations: 0, reports: 0 });
  });
});
