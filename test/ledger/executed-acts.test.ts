import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { instantsOf } from '../../src/domain/campaign.ts';
import { awardedRecipe, publisherRecipe } from '../../src/domain/flow.ts';
import { cancelByOperator, holdByOperator, releaseByOperator } from '../../src/ledger/acts.ts';
import { lapseCampaign, record } from '../../src/ledger/batches.ts';
import { closeCampaign, findCampaign } from '../../src/ledger/campaigns.ts';
import { claimBatch, readBatch } from '../../src/ledger/columns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { begin } from '../../src/ledger/effects.ts';
import { closeFulfilment, openFulfilment, recordExecution } from '../../src/ledger/fulfilments.ts';
import { verify } from '../../src/ledger/invariants.ts';
import type { Happening } from '../../src/ledger/packing.ts';
import { announce, fenceCampaign, holdCampaign } from '../../src/ledger/standing.ts';
import { cutOf, dayMs, fulfilmentId, openedFulfilment, stageOf } from './executed.ts';
import { openLedger, plan, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

let campaign: Awaited<ReturnType<typeof executed>>;
beforeEach(async () => {
  campaign = await executed();
});

/** A campaign that begins with event 13, cut into one batch that has not been walked yet. */
async function executed(from = Date.now()) {
  const id = fulfilmentId();
  const of = await openedFulfilment(ledger.pool, id);
  await stageOf(ledger.pool, of, rowsOf(3));
  await cutOf(ledger.pool, of, { from });
  return { id, ...of };
}

function acting() {
  return { by: 'ops', reason: 'a test', request: randomUUID() };
}

const cancel = (force = false) =>
  cancelByOperator(ledger.pool, { ...campaign.id, ...acting(), force });

/** Whether the platform could be asked to give now. */
async function begins(ref = campaign.ref): Promise<string> {
  const { token, change } = await claimBatch(ledger.pool, ref, 1);
  const intent = { campaign: ref, batch: 1, kind: 'allocate' as const, epoch: 1, hash: 'h' };
  const members = { positions: [1], kept: {}, aliveMs: 0, token, change };
  return (await begin(ledger.pool, { ...intent, ...members, key: randomUUID() }, undefined))
    .verdict;
}

async function happen(ref: number, causes: Happening['state'][]): Promise<void> {
  for (const state of causes) {
    if (!state) continue;
    await record(
      ledger.pool,
      { campaign: ref, number: 1 },
      [1, 2, 3].map((position) => ({ position, state, reason: 'a test' })),
    );
  }
}

async function close(ref: number, reason: string): Promise<void> {
  const { redemptions: _, ...counts } = await countCampaign(ledger.pool, ref);
  await closeCampaign(ledger.pool, ref, { reason, ...counts });
}

async function violated(tenant: string): Promise<number[]> {
  const checked = await verify(ledger.pool, { tenant });
  return checked.filter((one) => one.violated > 0).map(({ number }) => number);
}

describe('an operator, of a campaign that is being given after its sending,', () => {
  test('holds it, and releases it', async () => {
    expect(await begins()).toBe('begun');
    expect(await holdByOperator(ledger.pool, campaign.id, acting())).toBeUndefined();
    expect(await begins()).toBe('held');
    const releasing = { ...acting(), approves: false };
    expect(await releaseByOperator(ledger.pool, campaign.id, releasing)).toBeUndefined();
    expect(await begins()).toBe('begun');
  });

  test('releases what a guard held only with a key that may approve', async () => {
    await holdCampaign(ledger.pool, campaign.ref, 'over the limit');
    const releasing = { ...acting(), approves: false };
    expect(await releaseByOperator(ledger.pool, campaign.id, releasing)).toMatchObject({
      why: 'guarded',
    });
    const approving = { ...acting(), approves: true };
    expect(await releaseByOperator(ledger.pool, campaign.id, approving)).toBeUndefined();
  });

  test('cancels it with force alone: Optimove has told its customers', async () => {
    expect(await cancel()).toMatchObject({ why: 'told' });
    expect(await begins()).toBe('begun');
    expect(await cancel(true)).toBeUndefined();
    expect((await findCampaign(ledger.pool, campaign.id))?.fence).toBe('operator');
    expect(await begins()).toBe('fenced');
    const audited = await ledger.pool.query(
      "select act from audit where campaign = $1 and act like '%cancel%'",
      [campaign.id.campaignId],
    );
    expect(audited.rows).toContainEqual({ act: 'campaign cancel --force' });
  });

  test('is told how many customers Optimove has told', async () => {
    expect(await cancel()).toMatchObject({ why: 'told', customers: 3 });
  });

  test('cancels it with force alone also when event 5 comes after all', async () => {
    await announce(ledger.pool, campaign.id, {
      ...{ announcedAt: Date.now(), durationDays: 7, problem: undefined },
      instants: instantsOf(Date.now() + 3_600_000, plan),
    });
    expect(await cancel()).toMatchObject({ why: 'told' });
  });

  test('does nothing more once it was deleted', async () => {
    await fenceCampaign(ledger.pool, campaign.id, 'deleted');
    const releasing = { ...acting(), approves: true };
    expect([
      await holdByOperator(ledger.pool, campaign.id, acting()),
      await releaseByOperator(ledger.pool, campaign.id, releasing),
      await cancel(true),
    ]).toEqual([{ why: 'deleted' }, { why: 'deleted' }, { why: 'deleted' }]);
  });

  test('holds nothing of it once it is over', async () => {
    await close(campaign.ref, 'given');
    expect(await holdByOperator(ledger.pool, campaign.id, acting())).toMatchObject({
      why: 'closed',
    });
  });
});

describe('after the sending something is given', () => {
  test('until its rewards end, and not after', async () => {
    expect(await begins()).toBe('begun');
    const over = await executed(Date.now() - 8 * dayMs);
    expect(await begins(over.ref)).toBe('late');
  });

  test('to whom the publisher was handed, although the deadline has long passed', async () => {
    const { pool } = ledger;
    const flow = { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe } as const;
    const { ref, id } = await runningCampaign(pool, rowsOf(3), { plan: flow });
    await pool.query(
      `update campaign set deadline = now() - interval '1 hour', stop = now() - interval '1 hour'
       where ref = $1`,
      [ref],
    );
    expect(await begins(ref)).toBe('late');
    await close(ref, 'decided');
    await recordExecution(pool, { ...id, channel: '' }, { at: Date.now(), plan: undefined });
    await openFulfilment(pool, { ...id, channel: '' });
    await pool.query("update batch set due = now() + interval '1 day' where campaign = $1", [ref]);
    expect(await begins(ref)).toBe('begun');
  });
});

describe('whoever was handed to the publisher', () => {
  async function published() {
    const { pool } = ledger;
    const flow = { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe } as const;
    const running = await runningCampaign(pool, rowsOf(3), { plan: flow });
    await happen(running.ref, ['passed', 'published']);
    await record(
      pool,
      { campaign: running.ref, number: 1 },
      [1, 2, 3].map((position) => ({ position, clearance: 'delegated' })),
    );
    return running;
  }
  const statesOf = async (ref: number) => (await countCampaign(ledger.pool, ref)).states;

  test('waits for event 13 when the run of the campaign ends, and the books are in order', async () => {
    const { ref, id } = await published();
    await lapseCampaign(ledger.pool, ref, 'failed');
    await close(ref, 'decided');
    expect(await statesOf(ref)).toEqual({ published: 3 });
    expect(await violated(id.tenant)).toEqual([]);
  });

  test('lapses when what follows on event 13 ends without an award', async () => {
    const { ref, id } = await published();
    await close(ref, 'decided');
    await recordExecution(ledger.pool, { ...id, channel: '' }, { at: Date.now(), plan: undefined });
    await openFulfilment(ledger.pool, { ...id, channel: '' });
    await lapseCampaign(ledger.pool, ref, 'expired');
    expect(await statesOf(ref)).toEqual({ lapsed: 3 });
  });

  test('lapses when the campaign is deleted, and the books are in order', async () => {
    const { ref, id } = await published();
    await fenceCampaign(ledger.pool, id, 'deleted');
    await lapseCampaign(ledger.pool, ref, 'canceled');
    await close(ref, 'deleted');
    expect(await statesOf(ref)).toEqual({ lapsed: 3 });
    expect(await violated(id.tenant)).toEqual([]);
  });
});

test('what was given after the sending stands in order in the books', async () => {
  const { ref, id } = campaign;
  await happen(ref, ['passed', 'allocated']);
  await closeFulfilment(ledger.pool, campaign, 'given');
  await close(ref, 'given');
  expect(await violated(id.tenant)).toEqual([]);
  expect((await findCampaign(ledger.pool, id))?.summary).toMatchObject({
    ...{ audience: 3, delegatedCustomers: 3, states: { allocated: 3 } },
  });
  expect((await readBatch(ledger.pool, ref, 1))?.fulfilment).toBe(1);
});
