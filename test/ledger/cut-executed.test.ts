import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchCustomers } from '../../src/domain/batching.ts';
import { rewrite } from '../../src/ledger/batches.ts';
import { findCampaign } from '../../src/ledger/campaigns.ts';
import { readBatch } from '../../src/ledger/columns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { endingCampaigns, nextEnd, tenantsWithEndings } from '../../src/ledger/endings.ts';
import { type FulfilmentId, recordExecution } from '../../src/ledger/fulfilments.ts';
import { givenBefore } from '../../src/ledger/guards.ts';
import type { Happening } from '../../src/ledger/packing.ts';
import { countStaged, forgetStaged, stagedSweep, stagingOf } from '../../src/ledger/pages.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import {
  batchesOf,
  cutOf,
  dayMs,
  executedPlan,
  fulfilmentId,
  openedFulfilment,
  stageOf,
} from './executed.ts';
import { openLedger, row, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

/** Two channels of one campaign, both opened. */
async function twoChannels(id: FulfilmentId = fulfilmentId()) {
  const first = await openedFulfilment(ledger.pool, id);
  const second = await openedFulfilment(ledger.pool, { ...id, channel: '610' });
  return { id, ref: first.ref, first, second };
}

describe('the pages of one fulfilment', () => {
  test('are not touched by another, nor by the audience', async () => {
    const { pool } = ledger;
    const { ref, first, second } = await twoChannels();
    await stageOf(pool, first, rowsOf(3));
    await stageOf(pool, second, rowsOf(5));
    expect(await countStaged(pool, ref)).toBe(0);
    expect(await countStaged(pool, ref, stagingOf(1))).toBe(3);
    await forgetStaged(pool, ref, stagingOf(1));
    expect(await stagedSweep(pool, ref, stagingOf(1))).toBeUndefined();
    expect(await stagedSweep(pool, ref, stagingOf(2))).toMatchObject({ pages: 1, rows: 5 });
    await cutOf(pool, first);
    expect(await countStaged(pool, ref, stagingOf(2))).toBe(5);
    expect((await cutOf(pool, second)).customers).toBe(5);
  });
});

describe('the cut of a fulfilment', () => {
  test('gives its batches their span, and whoever is in them is left to Optimove', async () => {
    const { pool } = ledger;
    const of = await openedFulfilment(pool, fulfilmentId());
    await stageOf(pool, of, [row('a', 'X', 'Y'), row('b', 'X')]);
    const cut = await cutOf(pool, of, { leadTimeDays: 30, durationDays: 90 });
    expect(cut).toMatchObject({ customers: 2, batches: 1 });
    const batch = await readBatch(pool, of.ref, 1);
    expect(batch).toMatchObject({
      ...{ fulfilment: 1, startsAt: cut.startsAt, expiresAt: cut.startsAt + 90 * dayMs },
    });
    expect(batch?.members.map(({ clearance, state }) => [clearance, state])).toEqual(
      Array.from({ length: 3 }, () => ['delegated', 'targeted']),
    );
    const due = await pool.query(
      'select due = expires_at as "isEnd" from batch where campaign = $1',
      [of.ref],
    );
    expect(due.rows).toEqual([{ isEnd: true }]);
    expect(await countCampaign(pool, of.ref)).toMatchObject({
      ...{ audience: 2, delegatedCustomers: 2, approvedCustomers: 0 },
    });
  });

  test('tells the platform of no beginning where no lead time delays it', async () => {
    const of = await openedFulfilment(ledger.pool, fulfilmentId());
    await stageOf(ledger.pool, of, rowsOf(1));
    await cutOf(ledger.pool, of);
    expect((await readBatch(ledger.pool, of.ref, 1))?.startsAt).toBeUndefined();
  });

  test("writes the duration that the details tell into the campaign's plan", async () => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    await stageOf(ledger.pool, of, rowsOf(1));
    await cutOf(ledger.pool, of, { durationDays: 90 });
    const campaign = await findCampaign(ledger.pool, id);
    expect(campaign).toMatchObject({ durationDays: 90, plan: { durationDays: 90 } });
  });

  test('leaves out who got the code by another channel, and adds who got another code', async () => {
    const { pool } = ledger;
    const { ref, first, second } = await twoChannels();
    await stageOf(pool, first, [row('a', 'X'), row('b', 'X')]);
    await cutOf(pool, first);
    await stageOf(pool, second, [row('b', 'X', 'Y'), row('a', 'X'), row('c', 'X')]);
    expect(await cutOf(pool, second)).toMatchObject({ customers: 3, batches: 2 });
    expect(await batchesOf(pool, ref)).toEqual([
      { number: 1, fulfilment: 1, people: 2, members: ['a X', 'b X'] },
      { number: 2, fulfilment: 2, people: 1, members: ['b Y', 'c X'] },
    ]);
    expect((await countCampaign(pool, ref)).audience).toBe(3);
  });

  test('by two channels at once gives one customer one code once, and counts people once', async () => {
    const { pool } = ledger;
    for (let round = 0; round < 5; round += 1) {
      const { ref, first, second } = await twoChannels();
      await stageOf(pool, first, [...rowsOf(50), row('c1', 'X')]);
      await stageOf(pool, second, [...rowsOf(60), row('c2', 'Y')]);
      await Promise.all([cutOf(pool, first), cutOf(pool, second)]);
      const batches = await batchesOf(pool, ref);
      const members = batches.flatMap((batch) => batch.members);
      expect(members).toHaveLength(62);
      expect(new Set(members).size).toBe(62);
      expect(batches.reduce((sum, { people }) => sum + people, 0)).toBe(60);
      expect((await countCampaign(pool, ref)).audience).toBe(60);
    }
  });

  test('runs twice and adds nobody the second time', async () => {
    const of = await openedFulfilment(ledger.pool, fulfilmentId());
    await stageOf(ledger.pool, of, rowsOf(3));
    const once = await cutOf(ledger.pool, of);
    await stageOf(ledger.pool, of, rowsOf(3), 1);
    expect(await cutOf(ledger.pool, of)).toMatchObject({ ...once });
    expect(await batchesOf(ledger.pool, of.ref)).toHaveLength(1);
  });

  test('keeps batches to ten thousand customers, also where each of them is known already', async () => {
    const { pool } = ledger;
    const { ref, first, second } = await twoChannels();
    await stageOf(pool, first, rowsOf(batchCustomers + 1, 'X'));
    await cutOf(pool, first);
    await stageOf(pool, second, rowsOf(batchCustomers + 1, 'Y'));
    await cutOf(pool, second);
    const sizes = await pool.query(
      'select size, people from batch where campaign = $1 order by number',
      [ref],
    );
    expect(sizes.rows).toEqual([
      { size: batchCustomers, people: batchCustomers },
      { size: 1, people: 1 },
      { size: batchCustomers, people: 0 },
      { size: 1, people: 0 },
    ]);
    expect((await countCampaign(pool, ref)).audience).toBe(batchCustomers + 1);
  });

  test('of an audience that event 5 brought adds whoever was sent besides', async () => {
    const { pool } = ledger;
    const { ref, id } = await runningCampaign(pool, [row('a', 'X'), row('b', 'X')]);
    await recordExecution(pool, { ...id, channel: '504' }, { at: Date.now(), plan: undefined });
    await stageOf(pool, { ref, number: 1 }, [row('b', 'X'), row('c', 'X')]);
    await cutOf(pool, { ref, number: 1 });
    expect((await batchesOf(pool, ref)).map(({ members }) => members)).toEqual([
      ['a X', 'b X'],
      ['c X'],
    ]);
  });
});

describe('what a fulfilment gave', () => {
  const give = (ref: number, number: number) =>
    rewrite(ledger.pool, { campaign: ref, number }, (members) =>
      members.flatMap(({ position }): Happening[] => [
        { position, state: 'passed' },
        { position, state: 'allocated' },
      ]),
    );

  async function givenByTwo(beganDaysAgo: [number, number]) {
    const { id, ref, first, second } = await twoChannels();
    for (const [index, of] of [first, second].entries()) {
      await stageOf(ledger.pool, of, [row(`customer ${index}`, 'X')]);
      const from = Date.now() - (beganDaysAgo[index] ?? 0) * dayMs;
      await cutOf(ledger.pool, of, { from, durationDays: 7 });
      await give(ref, of.number);
    }
    return { id, ref, tenant: id.tenant };
  }

  test('ends batch by batch', async () => {
    const { ref, tenant } = await givenByTwo([8, 1]);
    expect(await endingCampaigns(ledger.pool, tenant)).toEqual(['4711']);
    expect(await tenantsWithEndings(ledger.pool)).toContain(tenant);
    // The first has ended, and is still held.
    const ended = (await readBatch(ledger.pool, ref, 1))?.expiresAt;
    expect(await nextEnd(ledger.pool, ref)).toBe(ended);
    await rewrite(ledger.pool, { campaign: ref, number: 1 }, () => [
      { position: 1, state: 'expired' },
    ]);
    const next = (await readBatch(ledger.pool, ref, 2))?.expiresAt;
    expect(await nextEnd(ledger.pool, ref)).toBe(next);
    expect(await endingCampaigns(ledger.pool, tenant)).toEqual([]);
  });

  test("is the cancellation's once the campaign is deleted", async () => {
    const { id, tenant } = await givenByTwo([8, 8]);
    await fenceCampaign(ledger.pool, id, 'deleted');
    expect(await endingCampaigns(ledger.pool, tenant)).toEqual([]);
    expect(await tenantsWithEndings(ledger.pool)).not.toContain(tenant);
  });
});

describe('the same code', () => {
  test.each(['executions', 'automatic'] as const)(
    'given by a campaign of the %s flow counts against the next within its days',
    async (flow) => {
      const { pool } = ledger;
      const id = fulfilmentId();
      const of = await openedFulfilment(pool, id, { plan: executedPlan(flow) });
      await stageOf(pool, of, [row('a', 'X'), row('b', 'X')]);
      await cutOf(pool, of);
      await pool.query('update campaign set collected_at = now() where ref = $1', [of.ref]);
      await rewrite(pool, { campaign: of.ref, number: 1 }, () => [
        { position: 1, state: 'passed' },
        { position: 1, state: 'allocated' },
      ]);
      await pool.query(
        `insert into effect (campaign, batch, epoch, kind, key, hash, members, kept, begun, alive_until, outcome, answered)
         values ($1, 1, 1, 'allocate', 'k', 'h', '{[1,2)}', '{}', now(), now(), 'done', now())`,
        [of.ref],
      );
      const { ref } = await runningCampaign(pool, rowsOf(1), {
        id: { ...id, campaignId: 'next' },
      });
      const asked = [
        { customerId: 'a', promoCode: 'X' },
        { customerId: 'b', promoCode: 'X' },
        { customerId: 'a', promoCode: 'Y' },
      ];
      const days = { tenant: id.tenant, campaign: ref, days: 7 };
      expect(await givenBefore(pool, days, asked)).toEqual([{ customerId: 'a', promoCode: 'X' }]);
      await pool.query("update campaign set opened_at = now() - interval '8 days' where ref = $1", [
        of.ref,
      ]);
      expect(await givenBefore(pool, days, asked)).toEqual([]);
    },
  );
});
