import { describe, expect, it } from 'vitest';
import { createWindow } from '../../sandbox/limiter.ts';
import { play } from './caller.ts';

describe('limiter', () => {
  it('lets a place go exactly one window after its arrival, and counts no refused call', () => {
    const window = createWindow({ requests: 2, perSeconds: 10 });
    expect([0, 4000, 9999].map((at) => window.admit(at))).toEqual([true, true, false]);
    expect([10_000, 13_999, 14_000].map((at) => window.admit(at))).toEqual([true, false, true]);
  });

  it('answers the 51st call within 10 seconds with the documented 429, for both APIs', async () => {
    const shared = { optimove: {}, promotions: {} };
    const { sandbox, optimove, promotions } = await play(shared);
    const path = '/General/GetLastDataUpdate';
    const admitted = await Promise.all(Array.from({ length: 50 }, () => optimove(path)));
    expect(new Set(admitted.map(({ status }) => status))).toEqual(new Set([200]));
    for (const refused of [await optimove(path), await promotions('/v1/promocodes?code=FS10')]) {
      expect(refused.status).toBe(429);
      expect(refused.json).toEqual({
        status: 429,
        error: 'Too Many Requests',
        message: expect.stringContaining('API'),
      });
    }
    const { http429, arrivals } = sandbox.traffic('acme');
    expect([http429, arrivals.length]).toEqual([2, 50]);
  });

  it('can be switched off, and can be separate', async () => {
    const { optimove, promotions } = await play({
      optimove: { limit: { requests: 1, perSeconds: 10 } },
      promotions: { sharesOptimoveLimit: false, limit: null },
    });
    const path = '/General/GetLastDataUpdate';
    expect([(await optimove(path)).status, (await optimove(path)).status]).toEqual([200, 429]);
    for (let time = 0; time < 3; time += 1) {
      expect((await promotions('/v1/promocodes?code=FS10')).status).toBe(200);
    }
  });
});
