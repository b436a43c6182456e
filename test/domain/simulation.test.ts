import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallLimits, callLimits } from '../../src/domain/forecast.ts';
import {
  allowanceUses,
  audienceCalls,
  type CallSizes,
  callKinds,
  callLines,
  callsOfBatch,
  decidedInMs,
  outlookOf,
  type PassedBatch,
  type Way,
  wayOf,
} from '../../src/domain/simulation.ts';
import { acme } from '../gateway/doors.ts';

const promotions = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' };
const publisher = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' };
const dataConnection = {
  ...{ baseUrl: 'http://127.0.0.1:9', connectionId: 'c', apiKey: 'k', brandKey: 'b' },
};

describe('the way', () => {
  it.each([
    [{}, 'managed', ['screen', 'allocate', 'report']],
    [
      { promotions, dataConnection },
      'managed',
      ['screen', 'validate', 'allocate', 'upload', 'report', 'redeem'],
    ],
    [
      { promotions, apiKeys: ['k'], scheduled: { activation: 'claimed' } },
      'claimed',
      ['screen', 'report'],
    ],
    [
      { promotions, publisher, scheduled: { conditional: 'publisher' } },
      'publisher',
      ['screen', 'publish'],
    ],
    [{ scheduled: { conditional: 'shadow' } }, 'shadow', ['screen', 'allocate', 'report']],
    [{ scheduled: { conditional: 'off' } }, 'off', ['screen', 'allocate', 'report']],
  ])('of %j is %s', (settings, flow, recipe) => {
    expect(wayOf(acme(settings))).toMatchObject({ flow, recipe });
  });
});

const managed: Way = {
  flow: 'managed',
  recipe: ['screen', 'validate', 'allocate', 'upload', 'report', 'redeem'],
  executed: [],
};
const sizes: CallSizes = {
  ...{ screenings: 10_000, validations: 10_000, publications: 10_000 },
  ...{ allocations: 10_000, uploads: 5_000 },
};
const full: PassedBatch = {
  ...{ asked: 10_000, passed: 10_000, approved: 10_000, holders: 10_000, given: 12_000 },
  byCode: new Map([
    ['SPRING25', 10_000],
    ['FS10', 2_000],
  ]),
};

describe('the calls of a batch', () => {
  it('are cut by code for Promotions, and by what each far side takes', () => {
    expect(callsOfBatch(managed, full, sizes)).toEqual({
      ...{ screenings: 1, validations: 2, allocations: 2, uploads: 2, reports: 1, redemptions: 12 },
    });
  });

  it('are none where the screen let nobody pass', () => {
    const none = { ...full, asked: 0, passed: 0, approved: 0, holders: 0, given: 0 };
    const calls = callsOfBatch(managed, { ...none, byCode: new Map() }, sizes);
    expect(new Set(Object.values(calls))).toEqual(new Set([0]));
  });

  it('have room for everybody, and none of them would be empty', () => {
    const count = fc.integer({ min: 0, max: 10_000 });
    const size = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(fc.array(count, { maxLength: 5 }), size, size, (counts, most, items) => {
        const byCode = new Map(counts.map((each, index) => [`CODE${index}`, each]));
        const given = counts.reduce((sum, each) => sum + each, 0);
        const batch = { ...full, given, byCode };
        const few = { ...sizes, validations: most, allocations: items };
        const { validations = 0, allocations = 0 } = callsOfBatch(managed, batch, few);
        expect(allocations * items).toBeGreaterThanOrEqual(given);
        expect((allocations - 1) * items).toBeLessThan(Math.max(given, 1));
        expect(validations * most).toBeGreaterThanOrEqual(given);
        // Each code ends with a call that may be all but empty.
        expect(validations * most).toBeLessThan(given + counts.length * most + 1);
      }),
    );
  });
});

describe('the audience', () => {
  it.each([
    [0, 10_000, false, 1],
    [9_999, 10_000, true, 1],
    [10_000, 10_000, true, 2],
    [1_000_000, 10_000, false, 202],
  ])('of %i rows by %i, confirmed %s, takes %i calls', (rows, pageSize, isConfirmed, calls) => {
    expect(audienceCalls({ rows, pageSize, isConfirmed })).toBe(calls);
  });
});

describe('the time it takes', () => {
  const limits = callLimits(acme({ promotions }));

  it('counts what shares an allowance together', () => {
    const lines = callLines(managed, { audience: 20, validations: 10, reports: 10 });
    const [use, ...others] = allowanceUses(lines, limits);
    expect(use).toMatchObject({ bucket: 'acme/optimove', calls: 40, needsMs: 8_000 });
    expect(others).toEqual([]);
    expect(decidedInMs(lines, limits)).toBe(8_000);
  });

  it('is that of the slower allowance once the audience is collected', () => {
    const apart = callLimits(
      acme({
        promotions: {
          ...promotions,
          ...{ sharesOptimoveLimit: false, rateLimit: { requests: 5, perSeconds: 10 } },
        },
      }),
    );
    const lines = callLines(managed, { audience: 20, validations: 10, reports: 10 });
    expect(decidedInMs(lines, apart)).toBe(4_000 + 20_000);
  });

  it('leaves out what comes after the last report, and what nobody limits', () => {
    const lines = callLines(managed, { redemptions: 1_000, allocations: 1_000 });
    expect(lines.map(({ kind, when }) => [kind, when])).toEqual([
      ['allocations', 'deciding'],
      ['redemptions', 'after'],
    ]);
    expect(decidedInMs(lines, limits)).toBe(0);
  });

  it('is never shorter than what any allowance needs, and grows with every call', () => {
    const allowance = fc.record({
      bucket: fc.constantFrom('acme/optimove', 'acme/promotions', 'acme/platform'),
      requests: fc.integer({ min: 1, max: 100 }),
      perMs: fc.integer({ min: 1, max: 60_000 }),
    });
    const kinds = { approve: allowance, validate: allowance, allocate: allowance };
    // One bucket has one allowance, whoever shares it.
    const anyLimits = fc.record(kinds, { requiredKeys: [] }).map((found): CallLimits => {
      const first = new Map(Object.values(found).map((each) => [each.bucket, each]));
      return Object.fromEntries(
        Object.entries(found).map(([kind, each]) => [kind, first.get(each.bucket) ?? each]),
      );
    });
    const anyCalls = fc.record(
      Object.fromEntries(callKinds.map((kind) => [kind, fc.integer({ min: 0, max: 500 })])),
    );
    fc.assert(
      fc.property(anyLimits, anyCalls, fc.constantFrom(...callKinds), (limited, calls, kind) => {
        const lines = callLines(managed, calls);
        const needsMs = decidedInMs(lines, limited);
        for (const use of allowanceUses(lines, limited)) {
          expect(needsMs).toBeGreaterThanOrEqual(use.needsMs);
        }
        const more = callLines(managed, { ...calls, [kind]: (calls[kind] ?? 0) + 1 });
        expect(decidedInMs(more, limited)).toBeGreaterThanOrEqual(needsMs);
      }),
    );
  });

  it('is held against the stop, not against the deadline', () => {
    const due = { deadline: 100_000, stop: 70_000, from: 10_000 };
    expect(outlookOf(due, 50_000)).toMatchObject({ finishesAt: 60_000, marginMs: 10_000 });
    expect(outlookOf(due, 80_000)).toMatchObject({ finishesAt: 90_000, marginMs: -20_000 });
  });
});
