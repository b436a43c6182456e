import { afterAll, beforeAll, expect, test } from 'vitest';
import { stageList } from '../../src/activities/sweeps.ts';
import { countStaged, stagingOf } from '../../src/ledger/pages.ts';
import { openedCampaign, openLedger, row, stage, type TestLedger } from '../ledger/ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

/** Three customers on two pages, one of them on both. */
const pages = [[row('a', 'X'), row('b', 'X')], [row('b', 'Y'), row('c', 'X')], []];

function listOf(ref: number, targeted: number) {
  let reads = 0;
  return {
    reads: () => reads,
    list: {
      ...{ ref, targeted, staging: stagingOf(), top: 2 },
      stops: async () => undefined,
      async read({ skip, top }: { skip: number; top: number }) {
        reads += 1;
        const rows = pages[skip / top] ?? [];
        return { rows, length: rows.length, controls: 0, malformed: 0 };
      },
    },
  };
}

const { signal } = new AbortController();

test('customers who come on several pages are counted once, and as the ledger counts them', async () => {
  const { ref } = await openedCampaign(ledger.pool);
  const { list, reads } = listOf(ref, 3);
  const { counted } = await stageList(ledger.pool, list, signal);
  expect(counted).toBe(3);
  expect(await countStaged(ledger.pool, ref)).toBe(counted);
  // Optimove's own count was met: no page has shifted.
  expect(reads()).toBe(3);
});

test('what an earlier attempt has staged is counted, too', async () => {
  const { ref } = await openedCampaign(ledger.pool);
  await stage(ledger.pool, ref, pages[0] ?? []);
  const { list } = listOf(ref, 3);
  expect((await stageList(ledger.pool, list, signal)).counted).toBe(3);
});

test('an audience that is not as large as Optimove says is read again, until nothing is added', async () => {
  const { ref } = await openedCampaign(ledger.pool);
  const { list, reads } = listOf(ref, 4);
  expect((await stageList(ledger.pool, list, signal)).counted).toBe(3);
  expect(reads()).toBe(6);
});
