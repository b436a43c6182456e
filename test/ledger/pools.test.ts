import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { record } from '../../src/ledger/batches.ts';
import { appendChange, readAsOpened, readBatch } from '../../src/ledger/columns.ts';
import {
  begin,
  type Intent,
  openEffects,
  type Settlement,
  settleWithin,
} from '../../src/ledger/effects.ts';
import { overduePools } from '../../src/ledger/overdue.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { createNumbers, type NewPool, openPool } from '../../src/ledger/pools.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { timeline } from '../../src/ledger/timeline.ts';
import { openTriggered } from '../../src/ledger/triggered.ts';
import { openCampaignIds } from '../../src/ledger/unsettled.ts';
import type { SlotRequest } from '../../src/world.ts';
import { openLedger, plan, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(10);
});
afterAll(() => ledger.close());

async function campaign() {
  const id = { tenant: `t-${randomUUID()}`, campaignId: '88' };
  const { row, codes } = await openTriggered(ledger.pool, id, plan, ['SPINS', 'BONUS']);
  const opened: NewPool = {
    campaign: row.ref,
    number: 7,
    customers: [
      { customerId: 'ann', instance: 0 },
      { customerId: 'bob', instance: 3 },
    ],
    codes: [codes.get('BONUS') ?? 0, codes.get('SPINS') ?? 0],
    state: 'screened',
    clearance: 'none',
    actionId: '77',
    said: { seriesId: '4021' },
    leftMs: 60_000,
    expiresAt: Date.UTC(2030, 0, 1),
  };
  const intent: Intent = {
    ...{ campaign: row.ref, batch: 7, kind: 'validate', epoch: 1, key: 'validate/1', hash: 'h' },
    ...{ positions: [1, 3], kept: {}, token: 0, change: 0, aliveMs: 30_000 },
  };
  return { id, ref: row.ref, opened, intent };
}

test('a pool is opened with its members, its keys and its first effect at once', async () => {
  const { id, ref, opened, intent } = await campaign();
  expect(await openPool(ledger.pool, opened, intent, undefined)).toMatchObject({
    verdict: 'begun',
  });
  const batch = await readBatch(ledger.pool, ref, 7);
  expect(batch).toMatchObject({ said: { seriesId: '4021' }, expiresAt: Date.UTC(2030, 0, 1) });
  expect(
    batch?.members.map((one) => [one.customerId, one.promoCode, one.instance, one.state]),
  ).toEqual([
    ['ann', 'BONUS', 0, 'screened'],
    ['ann', 'SPINS', 0, 'screened'],
    ['bob', 'BONUS', 3, 'screened'],
    ['bob', 'SPINS', 3, 'screened'],
  ]);
  expect(await openEffects(ledger.pool, ref)).toMatchObject([
    { kind: 'validate', positions: [1, 3] },
  ]);
  const [first] = await timeline(ledger.pool, { tenant: id.tenant, customerId: 'bob' });
  expect(first).toMatchObject({ promoCode: 'BONUS', instance: 3, state: 'screened' });
});

test('what a pool is as it was opened is known without reading it', async () => {
  const { ref, opened, intent } = await campaign();
  await openPool(ledger.pool, opened, intent, undefined);
  const batch = await readBatch(ledger.pool, ref, 7);
  expect(readAsOpened(batch?.members ?? [])).toEqual(batch?.read);
});

test('without a slot nothing of a pool is written', async () => {
  const { ref, opened, intent } = await campaign();
  const slot: SlotRequest = {
    ...{ bucket: randomUUID(), requests: 1, windowMs: 60_000, spaced: true, process: randomUUID() },
    ...{ class: 'interactive', deadline: Date.now(), stage: 1 },
  };
  const other = { ...opened, number: 8 };
  const first = await openPool(ledger.pool, other, { ...intent, batch: 8 }, slot);
  expect(first).toMatchObject({ verdict: 'begun', slot: expect.any(Number) });
  const second = { ...intent, key: 'validate/2' };
  expect((await openPool(ledger.pool, opened, second, slot)).verdict).toBe('wait');
  expect(await readBatch(ledger.pool, ref, 7)).toBeUndefined();
});

test('from the due of a pool on nothing of it begins, but taking back does', async () => {
  const { opened, intent } = await campaign();
  await openPool(ledger.pool, { ...opened, leftMs: 50 }, intent, undefined);
  const next: Intent = { ...intent, kind: 'allocate', key: 'allocate/1' };
  await expect.poll(async () => (await begin(ledger.pool, next, undefined)).verdict).toBe('late');
  const back: Intent = { ...intent, kind: 'revoke', key: 'revoke/1' };
  expect((await begin(ledger.pool, back, undefined)).verdict).toBe('begun');
});

test('no pool is opened after a fence, nor after its own due', async () => {
  const { id, opened, intent } = await campaign();
  const late = await openPool(ledger.pool, { ...opened, leftMs: 0 }, intent, undefined);
  expect(late).toEqual({ verdict: 'late' });
  await fenceCampaign(ledger.pool, id, 'deleted');
  expect(await openPool(ledger.pool, opened, intent, undefined)).toEqual({ verdict: 'fenced' });
});

test('a pool whose time is over is a debt, and a triggered campaign needs no run', async () => {
  const { id, ref, opened, intent } = await campaign();
  await openPool(ledger.pool, { ...opened, leftMs: 50 }, intent, undefined);
  await expect
    .poll(() => overduePools(ledger.pool, id.tenant))
    .toEqual([{ campaign: ref, number: 7 }]);
  expect(await openCampaignIds(ledger.pool, id.tenant)).toEqual([]);
});

test('a change of one member makes the next effect of its pool stale', async () => {
  const { ref, opened, intent } = await campaign();
  await openPool(ledger.pool, opened, intent, undefined);
  await transaction(ledger.pool, (connection) =>
    appendChange(
      connection,
      { campaign: ref, batch: 7, position: 1 },
      { fact: 'state', cause: 'lapsed' },
    ),
  );
  const next: Intent = { ...intent, kind: 'allocate', key: 'allocate/1' };
  expect((await begin(ledger.pool, next, undefined)).verdict).toBe('stale');
});

test('a settlement that was rolled back is no ground for the next write', async () => {
  const { ref, opened, intent } = await campaign();
  const opening = await openPool(ledger.pool, opened, intent, undefined);
  const effect = opening.verdict === 'begun' ? opening.effect : 0;
  const [mine, other] = [
    await readBatch(ledger.pool, ref, 7),
    await readBatch(ledger.pool, ref, 7),
  ];
  if (!mine || !other) throw new Error('the pool was opened');
  const settlement: Settlement = {
    ...{ effect, slot: undefined, outcome: 'done' },
    happenings: [{ position: 1, state: 'rewarded' }],
  };
  const rolledBack = transaction(ledger.pool, async (connection) => {
    await settleWithin(connection, mine, settlement);
    throw new Error('the transaction fails');
  });
  await expect(rolledBack).rejects.toThrow('the transaction fails');
  await record(ledger.pool, other, [{ position: 3, state: 'refused' }]);
  await record(ledger.pool, mine, [{ position: 2, state: 'lapsed' }]);
  const states = (await readBatch(ledger.pool, ref, 7))?.members.map(({ state }) => state);
  expect(states).toEqual(['screened', 'lapsed', 'refused', 'screened']);
});

test('no two processes number a pool alike', async () => {
  const [one, other] = [createNumbers(ledger.pool), createNumbers(ledger.pool)];
  const numbers: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    numbers.push(...(await Promise.all([one(), other(), one()])));
  }
  expect(new Set(numbers).size).toBe(numbers.length);
});
