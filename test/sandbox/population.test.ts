import { describe, expect, it } from 'vitest';
import {
  attributeOf,
  holdsSeveralCodes,
  idOf,
  indexOf,
  isControl,
  isDeclined,
  isDenied,
  layOutPopulation,
  populationOptions,
} from '../../sandbox/population.ts';

const lay = (told: Record<string, unknown>, seed = 7) =>
  layOutPopulation(populationOptions.parse({ customers: 20_000, ...told }), seed);

function count(total: number, is: (index: number) => boolean): number {
  let found = 0;
  for (let index = 0; index < total; index += 1) if (is(index)) found += 1;
  return found;
}

describe('population', () => {
  it.each([
    ['sequential', 10],
    ['uuid', 36],
  ] as const)('leads every %s id back to its index', (ids, length) => {
    const population = lay({ ids });
    const seen = new Set<string>();
    for (let index = 0; index < population.total; index += 13) {
      const id = idOf(population, index);
      expect(id).toHaveLength(length);
      expect(indexOf(population, id)).toBe(index);
      seen.add(id);
    }
    expect(seen.size).toBe(Math.ceil(population.total / 13));
  });

  it.each(['sequential', 'uuid'] as const)('knows no stranger among %s ids', (ids) => {
    const population = lay({ ids });
    const last = idOf(population, population.total - 1);
    for (const id of [
      '',
      'P-',
      'P-99999999',
      'p-00000001',
      'P-1',
      `${last}0`,
      last.toUpperCase(),
    ]) {
      const index = indexOf(population, id);
      if (index >= 0) expect(idOf(population, index)).toBe(id);
    }
    expect(indexOf(population, 'P-99999999')).toBe(-1);
    expect(indexOf(population, `${last}0`)).toBe(-1);
  });

  it('adds exactly the control group to the audience, spread evenly', () => {
    const population = lay({ controlShare: 0.2 });
    expect(population.controls).toBe(5000);
    expect(count(population.total, (index) => isControl(population, index))).toBe(5000);
    expect(count(1000, (index) => isControl(population, index))).toBe(200);
  });

  it('keeps to the shares it was told, and to none where the share is 0', () => {
    const population = lay({ deniedShare: 0.1, declinedShare: 0, severalCodesShare: 0.5 });
    const { total } = population;
    expect(count(total, (index) => isDenied(population, index)) / total).toBeCloseTo(0.1, 1);
    expect(count(total, (index) => holdsSeveralCodes(population, index)) / total).toBeCloseTo(
      0.5,
      1,
    );
    expect(count(total, (index) => isDeclined(population, index))).toBe(0);
    const everybody = lay({ deniedShare: 1 });
    expect(count(everybody.total, (index) => isDenied(everybody, index))).toBe(everybody.total);
  });

  it('draws other customers under another seed', () => {
    const levels = (seed: number) => {
      const population = lay({}, seed);
      return Array.from({ length: 200 }, (_, index) => attributeOf(population, index, 'VIP_LEVEL'));
    };
    expect(levels(1)).not.toEqual(levels(2));
    expect(new Set(levels(1))).toEqual(new Set(['gold', 'silver', 'base', 'none']));
  });
});
