import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CollectedSent } from '../../src/activities/collecting.ts';
import type { CollectedExecuted } from '../../src/activities/executed.ts';
import type { Plan } from '../../src/domain/campaign.ts';
import { Fault } from '../../src/domain/fault.ts';
import { awardedRecipe, publisherRecipe } from '../../src/domain/flow.ts';
import { closeCampaign, findCampaign } from '../../src/ledger/campaigns.ts';
import { openFulfilment, recordExecution } from '../../src/ledger/fulfilments.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { haltTenant } from '../../src/ledger/tenants.ts';
import {
  batchesOf,
  dayMs,
  executedPlan,
  fulfilmentId,
  openedFulfilment,
} from '../ledger/executed.ts';
import { openLedger, row, rowsOf, runningCampaign, type TestLedger } from '../ledger/ledger.ts';
import { openReading } from './optimove.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const toldAt = Date.UTC(2026, 2, 1, 10);
const summary = {
  ...{ reason: 'decided', audience: 0, states: {}, approvedCustomers: 0 },
  ...{ deniedCustomers: 0, unknownCustomers: 0, delegatedCustomers: 0 },
};

/** A campaign of one channel that was just sent; pages of two rows. */
async function opened(flow: 'executions' | 'automatic', given: Partial<Plan> = {}) {
  const id = fulfilmentId();
  const plan = executedPlan(flow, { pageSize: 2, ...given });
  const { ref, number } = await openedFulfilment(ledger.pool, id, { plan, at: toldAt });
  const reading = openReading(ledger, id.tenant);
  const executed = { ref, number, channel: id.channel };
  const collect = (): Promise<CollectedExecuted> =>
    reading.run(reading.activities.collectExecuted, executed);
  return { id, ref, ...reading, collect };
}

const members = async (ref: number): Promise<string[]> =>
  (await batchesOf(ledger.pool, ref)).flatMap((batch) => batch.members);

const award = (customerId: string, promocodeId: string) => ({
  ...{ customerId, promocodeId, promotionId: undefined },
  rewards: [{ rewardTypeId: 'spins', value: 10 }],
});

describe('whoever was sent', () => {
  test('is read page by page through the channel, and cut with the span of the campaign', async () => {
    const { told, collect, ref, asked } = await opened('executions');
    const scheduledAt = Date.UTC(2026, 2, 1, 9);
    told.details = { channelIds: ['504'], durationDays: 90, leadTimeDays: 30 };
    told.sent.set('504', { rows: [row('a', 'X', 'Y'), row('b', 'X'), row('c', 'X')], scheduledAt });
    const startsAt = scheduledAt + 30 * dayMs;
    expect(await collect()).toEqual({
      ...{ stopped: undefined, startsAt, endsAt: startsAt + 90 * dayMs },
      ...{ customers: 3, batches: 1 },
    });
    expect(await members(ref)).toEqual(['a X', 'a Y', 'b X', 'c X']);
    expect(asked.slice(0, 3)).toEqual(['details', 'sent 504 0', 'sent 504 2']);
  });

  test('is given from event 13 on where no ScheduleTime can be read', async () => {
    const { told, collect } = await opened('executions');
    told.sent.set('504', { rows: rowsOf(1) });
    expect(await collect()).toMatchObject({ startsAt: toldAt, endsAt: toldAt + 7 * dayMs });
  });

  test('is read on from the last page that was staged when the reading dies', async () => {
    const { told, collect, ref, asked } = await opened('executions');
    told.sent.set('504', { rows: rowsOf(5) });
    told.before = (reading) => {
      if (reading === 'sent 504 4') throw new Fault('unknown', 'reset');
    };
    await expect(collect()).rejects.toThrow('reset');
    told.before = () => {};
    asked.length = 0;
    expect(await collect()).toMatchObject({ customers: 5 });
    expect(asked[0]).toBe('sent 504 4');
    expect(await members(ref)).toHaveLength(5);
  });

  test('has the same span whichever attempt worked it out', async () => {
    const { told, collect } = await opened('executions');
    told.sent.set('504', { rows: rowsOf(1), scheduledAt: toldAt - 1_000 });
    const once = await collect();
    told.sent.set('504', { rows: rowsOf(1), scheduledAt: toldAt + 5_000 });
    expect(await collect()).toEqual(once);
  });

  test('is nobody yet where Optimove does not know the campaign, or its list is empty', async () => {
    const { told, collect } = await opened('executions');
    expect(await collect()).toMatchObject({ stopped: undefined, customers: 0 });
    told.before = () => {
      throw new Fault('refused', 'answered 404', { status: 404 });
    };
    expect(await collect()).toMatchObject({ stopped: undefined, customers: 0 });
    told.before = () => {};
    told.sent.set('504', { rows: rowsOf(2) });
    expect(await collect()).toMatchObject({ customers: 2, startsAt: toldAt });
  });

  test('is given nothing while the details tell no duration', async () => {
    const { told, collect, ref } = await opened('executions');
    told.sent.set('504', { rows: rowsOf(1) });
    told.details = { channelIds: ['504'] };
    await expect(collect()).rejects.toThrow(/no Duration/);
    expect(await batchesOf(ledger.pool, ref)).toEqual([]);
    told.details = { durationDays: 7 };
    expect(await collect()).toMatchObject({ customers: 1 });
  });

  test('is held for a person where they are more than the limit', async () => {
    const limits = { maxAudience: 2, onlyCustomers: [] };
    const { id, told, collect } = await opened('executions', { limits });
    told.sent.set('504', { rows: rowsOf(3) });
    expect(await collect()).toMatchObject({ customers: 3 });
    expect((await findCampaign(ledger.pool, id))?.held?.reason).toMatch(/3 customers/);
  });

  test('is read no further once the campaign is deleted, or our key is unknown', async () => {
    const deleted = await opened('executions');
    deleted.told.sent.set('504', { rows: rowsOf(5) });
    deleted.told.before = async (reading) => {
      if (reading === 'sent 504 2') await fenceCampaign(ledger.pool, deleted.id, 'deleted');
    };
    expect(await deleted.collect()).toEqual({ stopped: 'fenced' });
    expect(await batchesOf(ledger.pool, deleted.ref)).toEqual([]);
    const halted = await opened('executions');
    halted.told.before = () => {
      throw new Fault('unauthorized', 'answered 401', { status: 401 });
    };
    expect(await halted.collect()).toEqual({ stopped: 'halted' });
    await haltTenant(ledger.pool, halted.id.tenant, 'optimove', 'our key is unknown');
    halted.asked.length = 0;
    expect(await halted.collect()).toEqual({ stopped: 'halted' });
    expect(halted.asked).toEqual([]);
  });
});

describe('whoever was awarded', () => {
  test('is read page by page, each promocode under the code of it', async () => {
    const { told, collect, ref, asked } = await opened('automatic');
    told.sent.set('504', { rows: [row('a', 'X')], scheduledAt: toldAt - 60_000 });
    told.awards = [award('a', 'id of X'), award('b', 'id of X'), award('c', '99')];
    told.codes.set('99', 'Y');
    expect(await collect()).toMatchObject({ customers: 3, startsAt: toldAt - 60_000 });
    expect(await members(ref)).toEqual(['a X', 'b X', 'c Y']);
    expect(asked.filter((one) => one.startsWith('code'))).toEqual(['code 99']);
  });

  test('is given nothing of a promocode whose code nobody knows, and it is told', async () => {
    const { told, collect, ref, warnings } = await opened('automatic');
    told.awards = [award('a', '98'), award('b', '99')];
    told.codes.set('99', 'Y');
    expect(await collect()).toMatchObject({ customers: 1 });
    expect(await members(ref)).toEqual(['b Y']);
    expect(warnings).toContain('awards of promocodes whose code nobody knows');
  });

  test('is read although the customers who were sent cannot be', async () => {
    const { told, collect, ref } = await opened('automatic');
    told.before = (reading) => {
      if (reading.startsWith('sent')) throw new Fault('refused', 'answered 400', { status: 400 });
    };
    told.awards = [award('a', '99')];
    told.codes.set('99', 'Y');
    expect(await collect()).toMatchObject({ customers: 1, startsAt: toldAt });
    expect(await members(ref)).toEqual(['a Y']);
  });
});

describe('whoever the publisher was handed', () => {
  test('is in the ledger already: nothing is read but the details', async () => {
    const { pool } = ledger;
    const flow = { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe } as const;
    const { ref, id } = await runningCampaign(pool, rowsOf(3), { plan: flow });
    await closeCampaign(pool, ref, summary);
    await recordExecution(pool, { ...id, channel: '' }, { at: toldAt, plan: undefined });
    await openFulfilment(pool, { ...id, channel: '' });
    const { asked, run, activities } = openReading(ledger, id.tenant);
    const executed = { ref, number: 1, channel: '' };
    const collected = await run(activities.collectExecuted, executed);
    expect(asked).toEqual(['details']);
    const { instants, expiresAt = 0 } = (await findCampaign(pool, id)) ?? {};
    expect(expiresAt).toBe((instants?.deadline ?? 0) + 1_800_000 + 7 * dayMs);
    expect(collected).toMatchObject({ startsAt: toldAt, endsAt: expiresAt, batches: 1 });
    expect(await run(activities.collectExecuted, executed)).toEqual(collected);
  });
});

describe('the confirmation of a managed campaign', () => {
  async function confirming() {
    const { pool } = ledger;
    const { ref, id } = await runningCampaign(pool, rowsOf(3));
    await closeCampaign(pool, ref, summary);
    await recordExecution(pool, { ...id, channel: '504' }, { at: toldAt, plan: undefined });
    const reading = openReading(ledger, id.tenant);
    const executed = { ref, number: 1, channel: '504' };
    const collect = (): Promise<CollectedSent> =>
      reading.run(reading.activities.collectSent, executed);
    return { id, ref, ...reading, collect };
  }

  test('reads who was sent, counts them, and learns the channels of the campaign', async () => {
    const { id, told, collect, asked } = await confirming();
    told.details = { channelIds: ['504', '610'] };
    told.sent.set('504', { rows: [row('c1'), row('c2'), row('a stranger')] });
    expect(await collect()).toMatchObject({ stopped: undefined, customers: 3 });
    expect((await findCampaign(ledger.pool, id))?.details?.channelIds).toEqual(['504', '610']);
    const sent = await ledger.pool.query(
      `select sent::text from batch b join campaign c on c.ref = b.campaign
       join tenant t on t.ref = c.tenant where t.name = $1`,
      [id.tenant],
    );
    expect(sent.rows).toEqual([{ sent: '{[1,3)}' }]);
    expect(asked).toContain('sent 504 0');
  });

  test('asks again for a list that is empty, from its beginning', async () => {
    const { told, collect, asked } = await confirming();
    expect(await collect()).toMatchObject({ customers: 0 });
    told.sent.set('504', { rows: [row('c1')] });
    asked.length = 0;
    expect(await collect()).toMatchObject({ customers: 1 });
    expect(asked[0]).toBe('sent 504 0');
  });

  test('stops where the campaign is deleted', async () => {
    const { id, collect, asked } = await confirming();
    await fenceCampaign(ledger.pool, id, 'deleted');
    expect(await collect()).toEqual({ stopped: 'fenced' });
    expect(asked).toEqual([]);
  });
});
