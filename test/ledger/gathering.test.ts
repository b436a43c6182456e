import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { gather } from '../../src/ledger/gathering.ts';

const gapMs = 20;

afterEach(() => {
  vi.useRealTimers();
});

test('what comes within the gap of a run goes with the next, and nothing is left behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] });
  const runs: { at: number; items: number[] }[] = [];
  const gathering = gather<number>(
    8,
    async (drain) => {
      runs.push({ at: performance.now(), items: drain.take(Infinity) });
    },
    gapMs,
  );
  const startedAt = performance.now();
  for (let item = 0; item < 50; item += 1) {
    gathering.add(item);
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(gapMs);
  expect(runs.map(({ at }) => at - startedAt)).toEqual([0, 20, 40, 60]);
  expect(runs.flatMap(({ items }) => items)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(gathering.isIdle()).toBe(true);
});

test('no more runs are under way than there are lanes', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let running = 0;
  const taken: number[] = [];
  const gathering = gather<number>(2, async (drain) => {
    running += 1;
    taken.push(...drain.take(1));
    await held;
    running -= 1;
  });
  for (let item = 0; item < 5; item += 1) {
    gathering.add(item);
    await turn();
  }
  await expect.poll(() => running).toBe(2);
  expect(gathering.waiting()).toBe(3);
  release();
  await expect.poll(() => taken).toEqual([0, 1, 2, 3, 4]);
});
