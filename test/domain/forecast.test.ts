import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWorld } from '../../src/adapters/world.ts';
import { type CallLimits, callLimits, forecasts, type Pace } from '../../src/domain/forecast.ts';
import { acme } from '../gateway/doors.ts';

const at = 1_800_000_000_000;
const minute = 60_000;

/** Ten batches before a deadline in an hour; two of them are finished, at three calls each. */
const running: Pace = {
  tenant: 'acme',
  campaignId: '70412',
  at,
  instants: {
    deadline: at + 60 * minute,
    stop: at + 59.5 * minute,
    lastReport: at + 60 * minute - 1_000,
  },
  recipe: ['screen', 'validate', 'allocate', 'report', 'redeem'],
  standsStill: undefined,
  customers: 100_000,
  finishedCustomers: 20_000,
  batches: 10,
  finishedBatches: 2,
  work: {
    validate: { callsPerBatch: 1, begunBatches: 0, callsLeft: 0 },
    allocate: { callsPerBatch: 1, begunBatches: 0, callsLeft: 0 },
    approve: { callsPerBatch: 1, begunBatches: 0, callsLeft: 0 },
  },
  recent: { calls: 6, ms: 2 * minute },
};
const unlimited: CallLimits = {};
const tenPerMinute = { bucket: 'acme/optimove', requests: 10, perMs: minute };

function forecast(changes: Partial<Pace>, limits = unlimited) {
  return forecasts([{ ...running, ...changes }], limits)[0];
}

describe('a forecast', () => {
  it('lets what is left take as long as it took lately', () => {
    expect(forecast({})).toEqual({
      tenant: 'acme',
      campaignId: '70412',
      at,
      deadline: at + 60 * minute,
      leftMs: 60 * minute,
      callsLeft: 24,
      callsPerMinute: 3,
      finishesAt: at + 8 * minute,
      lateByMs: 0,
    });
  });

  it('is late where the last report would be answered after the stop', () => {
    const recent = { calls: 6, ms: 15 * minute };
    expect(forecast({ recent })).toMatchObject({
      finishesAt: at + 60 * minute,
      lateByMs: 30_000,
    });
  });

  it('counts on the calls a batch has needed so far, and on what begun batches still need', () => {
    const work = {
      ...running.work,
      allocate: { callsPerBatch: 10, begunBatches: 1, callsLeft: 4 },
    };
    expect(forecast({ work })?.callsLeft).toBe(8 + (4 + 7 * 10) + 8);
  });

  it('takes no less time than the limiter', () => {
    const limits = { validate: tenPerMinute, approve: tenPerMinute };
    const recent = { calls: 60, ms: minute };
    expect(forecast({ recent }, limits)?.finishesAt).toBe(at + 1.6 * minute);
  });

  it('goes by the limiter alone before anything was answered', () => {
    const recent = { calls: 0, ms: 0 };
    expect(forecast({ recent, work: {} }, { approve: tenPerMinute })).toMatchObject({
      callsPerMinute: 0,
      finishesAt: at + 0.8 * minute,
    });
    expect(forecast({ recent, work: {} })?.finishesAt).toBeUndefined();
  });

  it('waits for the campaigns of the same allowance whose deadline is earlier', () => {
    const recent = { calls: 60, ms: minute };
    const earlier = {
      ...running,
      campaignId: 'earlier',
      instants: { ...running.instants, deadline: at + 30 * minute },
      recent,
    };
    const [first, second] = forecasts([{ ...running, recent }, earlier], { approve: tenPerMinute });
    expect(first).toMatchObject({ campaignId: 'earlier', finishesAt: at + 0.8 * minute });
    expect(second).toMatchObject({ campaignId: '70412', finishesAt: at + 1.6 * minute });
  });

  it('tells no end of a campaign that stands still, nor lets others wait for it', () => {
    const held = { ...running, standsStill: 'held' as const };
    const later = {
      ...running,
      campaignId: 'later',
      instants: { ...running.instants, deadline: at + 90 * minute },
      recent: { calls: 600, ms: minute },
    };
    const [stands, goes] = forecasts([held, later], { approve: tenPerMinute });
    expect(stands).toMatchObject({ callsLeft: 24, finishesAt: undefined, lateByMs: undefined });
    expect(goes?.finishesAt).toBe(at + 0.8 * minute);
  });

  it('goes by the count of the audience until it is cut', () => {
    const collecting = { batches: 0, finishedBatches: 0, work: {}, recent: { calls: 0, ms: 0 } };
    expect(forecast({ ...collecting, customers: undefined })).toMatchObject({
      callsLeft: undefined,
      finishesAt: undefined,
    });
    expect(forecast({ ...collecting, customers: 25_000 }, { approve: tenPerMinute })).toMatchObject(
      { callsLeft: 9, finishesAt: at + 0.3 * minute },
    );
  });

  it('ends now where nothing is left', () => {
    const ended = { finishedBatches: 10, finishedCustomers: 100_000 };
    expect(forecast({ ...ended, recent: { calls: 0, ms: 0 } })).toMatchObject({
      callsLeft: 0,
      finishesAt: at,
      lateByMs: 0,
    });
  });

  it('never comes earlier when more is left, or less was answered', () => {
    const pace = fc.record({
      finished: fc.nat(10),
      calls: fc.integer({ min: 1, max: 1_000 }),
      requests: fc.integer({ min: 1, max: 100 }),
    });
    const endOf = (finishedBatches: number, calls: number, requests: number) =>
      forecast(
        { finishedBatches, recent: { calls, ms: minute } },
        { validate: { ...tenPerMinute, requests } },
      )?.finishesAt ?? Number.NaN;
    fc.assert(
      fc.property(pace, ({ finished, calls, requests }) => {
        const end = endOf(finished, calls, requests);
        expect(end).toBeLessThanOrEqual(endOf(Math.max(0, finished - 1), calls, requests));
        expect(end).toBeLessThanOrEqual(endOf(finished, Math.max(1, calls - 1), requests));
      }),
    );
  });
});

describe('the limits of a forecast', () => {
  const far = { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' };
  const rateLimit = { requests: 7, perSeconds: 1 };
  const full = {
    promotions: { ...far, sharesOptimoveLimit: false, rateLimit },
    dataConnection: { ...far, connectionId: 'c', brandKey: 'b', rateLimit },
    platform: { baseUrl: far.baseUrl, secret: 'whsec_c2VjcmV0c2VjcmV0', rateLimit },
  };

  it.each([
    ['each far side has its own', full],
    ['Promotions shares that of Optimove', { promotions: far }],
    ['there is no Promotions', {}],
  ])('are those by which the calls take their turns, where %s', (_, section) => {
    const settings = acme(section);
    const { optimove, promotions, platform, dataConnection } = createWorld(settings, {
      turn: async () => expect.fail(),
      onUnauthorized: async () => {},
    });
    const { campaignId } = running;
    const campaign = { id: campaignId, kind: 'scheduled' } as const;
    const upload = { campaignId, batchUuid: '', last: true, ttlSeconds: 1, rows: [] };
    const validation = { campaignId, seriesId: undefined, promocodeId: '1', customerIds: [] };
    const calls = {
      validate: promotions?.validate(validation),
      allocate: platform.allocate({ key: 'k', campaign, allocations: [] }),
      upload: dataConnection?.upload(upload),
      approve: optimove.reportStatus({ campaignId, at, customers: [] }),
    };
    const taken = Object.entries(calls).flatMap(([kind, call]) => {
      if (!call?.limit) return [];
      const { bucket, requests, perMs } = call.limit;
      return [[kind, { bucket, requests, perMs }]];
    });
    expect(callLimits(settings)).toEqual(Object.fromEntries(taken));
  });
});
