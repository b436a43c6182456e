import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { gather } from '../../src/decisions/gathering.ts';

const gapMs = 20;

test('what comes within the gap of a run goes with the next, and nothing is left behind', async () => {
  const runs: { at: number; items: number[] }[] = [];
  const items = Array.from({ length: 50 }, (_, index) => index);
  const gathering = gather<number>(
    8,
    async (drain) => {
      runs.push({ at: performance.now(), items: drain.take(Infinity) });
    },
    gapMs,
  );
  for (const item of items) {
    gathering.add(item);
    await turn();
  }
  await expect.poll(() => runs.flatMap((run) => run.items)).toEqual(items);
  const gaps = runs.slice(1).map(({ at }, index) => at - (runs[index]?.at ?? 0));
  // A timer may come a part of a millisecond early.
  expect(gaps.filter((one) => one < gapMs - 1)).toEqual([]);
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
