import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instantsOf } from '../../src/domain/campaign.ts';
import { awardedRecipe, publisherRecipe } from '../../src/domain/flow.ts';
import { closeCampaign, findCampaign, openCampaign } from '../../src/ledger/campaigns.ts';
import { readBatch } from '../../src/ledger/columns.ts';
import { tenantsWithDebts } from '../../src/ledger/debts.ts';
import { openChannels, openFulfilments, unfinishedOf } from '../../src/ledger/fulfilment-list.ts';
import {
  fixSpan,
  markCollected,
  noteSchedule,
  noteWaking,
} from '../../src/ledger/fulfilment-spans.ts';
import {
  closeFulfilment,
  type FulfilmentId,
  isHeardOf,
  openFulfilment,
  recordExecution,
} from '../../src/ledger/fulfilments.ts';
import { overduePools } from '../../src/ledger/overdue.ts';
import { announce, fenceCampaign } from '../../src/ledger/standing.ts';
import { openTriggered } from '../../src/ledger/triggered.ts';
import { openCampaignIds } from '../../src/ledger/unsettled.ts';
import { cutOf, dayMs, executedPlan, fulfilmentId, openedFulfilment, stageOf } from './executed.ts';
import {
  openedCampaign,
  openLedger,
  plan,
  rowsOf,
  runningCampaign,
  type TestLedger,
} from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const publisher = { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe } as const;
const summary = {
  ...{ reason: 'decided', audience: 0, states: {}, approvedCustomers: 0 },
  ...{ deniedCustomers: 0, unknownCustomers: 0, delegatedCustomers: 0 },
};

function record(id: FulfilmentId, given: { at?: number; plan?: typeof plan | undefined } = {}) {
  return recordExecution(ledger.pool, id, { at: Date.now(), plan: executedPlan(), ...given });
}

/** A campaign whose own run has come to its end, with event 13 of one channel. */
async function sentCampaign(given: Parameters<typeof runningCampaign>[2] = {}) {
  const campaign = await runningCampaign(ledger.pool, rowsOf(3), given);
  const id = { ...campaign.id, channel: '504' };
  await record(id, { plan: undefined });
  return { ...campaign, id };
}

describe('event 13', () => {
  test('makes a campaign that nobody announced, once, and a fulfilment a channel', async () => {
    const id = fulfilmentId();
    expect(await record(id)).toBe('fresh');
    expect(await record(id, { at: Date.now() + 5_000 })).toBe('repeated');
    expect(await record({ ...id, channel: '610' })).toBe('fresh');
    expect(await findCampaign(ledger.pool, id)).toMatchObject({
      ...{ phase: 'executed', epoch: 1, kind: 'scheduled', plan: { flow: 'executions' } },
    });
    const { ref } = (await findCampaign(ledger.pool, id)) ?? { ref: 0 };
    expect(await openChannels(ledger.pool, ref)).toEqual(['504', '610']);
  });

  test('of many gateways at once is one campaign and one fulfilment', async () => {
    const id = fulfilmentId();
    const effects = await Promise.all(Array.from({ length: 6 }, () => record(id)));
    expect(effects.toSorted()).toEqual(['fresh', ...Array.from({ length: 5 }, () => 'repeated')]);
  });

  test('of a campaign that was deleted begins nothing, also when it was never heard of', async () => {
    const id = fulfilmentId();
    await fenceCampaign(ledger.pool, id, 'deleted');
    expect(await record(id)).toBe('fenced');
    expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'over', reason: 'unknown' });
  });

  test('leads to nothing where nothing is given by it, and nobody announced the campaign', async () => {
    const id = fulfilmentId();
    expect(await record(id, { plan: undefined })).toBe('unheeded');
    expect(await findCampaign(ledger.pool, id)).toBeUndefined();
  });

  test('leads to nothing of a triggered campaign', async () => {
    const id = fulfilmentId();
    await openTriggered(ledger.pool, id, plan, ['SPINS']);
    expect(await record(id)).toBe('unheeded');
  });

  test('of a campaign that event 5 announced keeps the flow that event 5 gave it', async () => {
    const { id } = await sentCampaign();
    expect(await record({ ...id, channel: '610' })).toBe('fresh');
    expect((await findCampaign(ledger.pool, id))?.plan?.flow).toBe('managed');
  });

  test('opens again what was looked at too early, and nothing else', async () => {
    const id = fulfilmentId();
    const { ref, number } = await openedFulfilment(ledger.pool, id);
    expect(await isHeardOf(ledger.pool, id)).toBe(true);
    await closeFulfilment(ledger.pool, { ref, number }, 'empty');
    expect(await isHeardOf(ledger.pool, id)).toBe(false);
    expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'over', reason: 'closed' });
    expect(await record(id)).toBe('fresh');
    expect(await openFulfilment(ledger.pool, id)).toMatchObject({ next: 'give' });
    await closeFulfilment(ledger.pool, { ref, number }, 'given');
    expect(await record(id)).toBe('repeated');
    expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'over', reason: 'closed' });
  });
});

describe('event 5 after event 13', () => {
  test.each(['under way', 'over'] as const)(
    'opens nothing of what is %s, and the plan of its sending stands',
    async (how) => {
      const id = fulfilmentId();
      const { ref } = await openedFulfilment(ledger.pool, id);
      if (how === 'over') await closeCampaign(ledger.pool, ref, { ...summary, reason: 'given' });
      const instants = instantsOf(Date.now() + 3_600_000, plan);
      await announce(ledger.pool, id, {
        ...{ announcedAt: Date.now(), durationDays: 3, instants, problem: undefined },
      });
      expect(await openCampaign(ledger.pool, id, plan)).toBe('closed');
      expect(await openCampaignIds(ledger.pool, id.tenant)).toEqual([]);
      expect((await findCampaign(ledger.pool, id))?.plan?.flow).toBe('executions');
    },
  );
});

describe('a fulfilment', () => {
  test.each(['announced', 'collecting', 'running'] as const)(
    "waits while the campaign's own run is %s, and goes on when it is over",
    async (phase) => {
      const { id, ref } = await sentCampaign();
      await ledger.pool.query(
        `update campaign set phase = $2, plan = case when $2 = 'announced' then null else plan end
         where ref = $1`,
        [ref, phase],
      );
      expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'wait' });
      await ledger.pool.query('update campaign set plan = $2 where ref = $1', [ref, plan]);
      await closeCampaign(ledger.pool, ref, summary);
      expect(await openFulfilment(ledger.pool, id)).toMatchObject({ next: 'confirm' });
    },
  );

  test.each([
    ['could not be used', { problem: 'its deadline cannot be read', instants: undefined }],
    ['came too late', { problem: undefined, instants: instantsOf(Date.now() - 60_000, plan) }],
  ])('of an announcement that %s has nothing to confirm', async (_name, told) => {
    const id = fulfilmentId();
    await announce(ledger.pool, id, { announcedAt: Date.now(), durationDays: 7, ...told });
    await record(id, { plan: undefined });
    expect(await openFulfilment(ledger.pool, id)).toEqual({
      ...{ next: 'over', reason: 'nobody was approved' },
    });
  });

  test('of a managed campaign confirms, and leaves its books closed', async () => {
    const { id, ref } = await sentCampaign();
    await closeCampaign(ledger.pool, ref, summary);
    expect(await openFulfilment(ledger.pool, id)).toMatchObject({
      next: 'confirm',
      fulfilment: { ref, number: 1, isCollected: false },
    });
    expect(await findCampaign(ledger.pool, id)).toMatchObject({ phase: 'closed' });
  });

  test('of a shadow has nothing to do', async () => {
    const { id, ref } = await sentCampaign({ plan: { flow: 'shadow' } });
    await closeCampaign(ledger.pool, ref, summary);
    expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'over', reason: 'shadow' });
  });

  test('of a publisher whose awards nobody gives has nothing to do', async () => {
    const given = { plan: { flow: 'publisher', recipe: publisherRecipe } } as const;
    const { id, ref } = await sentCampaign(given);
    await closeCampaign(ledger.pool, ref, summary);
    expect(await openFulfilment(ledger.pool, id)).toMatchObject({
      ...{ next: 'over', reason: 'nothing follows' },
    });
  });

  test('of a campaign that was deleted meanwhile is over', async () => {
    const id = fulfilmentId();
    await openedFulfilment(ledger.pool, id);
    await fenceCampaign(ledger.pool, id, 'deleted');
    expect(await openFulfilment(ledger.pool, id)).toEqual({ next: 'over', reason: 'fenced' });
  });

  test('that opens again goes on where it was', async () => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    expect(of).toMatchObject({ number: 1, isCollected: false });
    await markCollected(ledger.pool, of);
    expect(await openFulfilment(ledger.pool, id)).toMatchObject({
      ...{ next: 'give', fulfilment: { number: 1, isCollected: true } },
    });
  });

  test('of a campaign whose books were closed by the channel before opens them again', async () => {
    const id = fulfilmentId();
    const first = await openedFulfilment(ledger.pool, id);
    expect(await closeFulfilment(ledger.pool, first, 'given')).toBe(true);
    await closeCampaign(ledger.pool, first.ref, { ...summary, reason: 'given' });
    const second = await openedFulfilment(ledger.pool, { ...id, channel: '610' });
    expect(second.number).toBe(2);
    expect((await findCampaign(ledger.pool, id))?.phase).toBe('executed');
    expect(await closeFulfilment(ledger.pool, second, 'given')).toBe(true);
  });

  test('is the last of its campaign when no other is open', async () => {
    const id = fulfilmentId();
    const first = await openedFulfilment(ledger.pool, id);
    const second = await openedFulfilment(ledger.pool, { ...id, channel: '610' });
    expect(await closeFulfilment(ledger.pool, second, 'given')).toBe(false);
    expect(await closeFulfilment(ledger.pool, first, 'given')).toBe(true);
    expect(await openChannels(ledger.pool, first.ref)).toEqual([]);
  });
});

describe('what the publisher was handed', () => {
  async function published() {
    const campaign = await sentCampaign({ plan: publisher });
    await ledger.pool.query('update batch set finished = true where campaign = $1', [campaign.ref]);
    await closeCampaign(ledger.pool, campaign.ref, summary);
    return campaign;
  }

  test('is walked by the first fulfilment alone', async () => {
    const { id, ref } = await published();
    await record({ ...id, channel: '610' });
    for (const channel of ['504', '610']) await openFulfilment(ledger.pool, { ...id, channel });
    expect(await unfinishedOf(ledger.pool, { ref, number: 1 })).toEqual([1]);
    expect(await unfinishedOf(ledger.pool, { ref, number: 2 })).toEqual([]);
  });

  test('stays finished when its fulfilment opens once more', async () => {
    const { id, ref } = await published();
    await openFulfilment(ledger.pool, id);
    await ledger.pool.query('update batch set finished = true where campaign = $1', [ref]);
    await openFulfilment(ledger.pool, id);
    expect(await unfinishedOf(ledger.pool, { ref, number: 1 })).toEqual([]);
  });

  test('may be given until its rewards end', async () => {
    const { id, ref } = await published();
    await openFulfilment(ledger.pool, id);
    const span = { startsAt: Date.now(), endsAt: Date.now() + 7 * dayMs };
    await fixSpan(ledger.pool, { ref, number: 1 }, span);
    const due = await ledger.pool.query(
      'select round(extract(epoch from due) * 1000)::float8 as due from batch where campaign = $1',
      [ref],
    );
    expect(due.rows).toEqual([{ due: span.endsAt }]);
    // The end of its rewards is the campaign's own: its batches have none.
    expect((await readBatch(ledger.pool, ref, 1))?.expiresAt).toBeUndefined();
  });
});

describe('the span of a fulfilment', () => {
  test('is fixed once, whatever its run works out later', async () => {
    const of = await openedFulfilment(ledger.pool, fulfilmentId());
    const first = { startsAt: 1_000_000, endsAt: 2_000_000 };
    expect(await fixSpan(ledger.pool, of, first)).toEqual(first);
    expect(await fixSpan(ledger.pool, of, { startsAt: 5, endsAt: 6 })).toEqual(first);
  });

  test('goes by the latest ScheduleTime of its customers, or else by event 13', async () => {
    const of = await openedFulfilment(ledger.pool, fulfilmentId(), { at: 1_000_000 });
    const { pool } = ledger;
    expect(await noteSchedule(pool, of, undefined)).toBe(1_000_000);
    expect(await noteSchedule(pool, of, 900_000)).toBe(900_000);
    expect(await noteSchedule(pool, of, 950_000)).toBe(950_000);
    expect(await noteSchedule(pool, of, 940_000)).toBe(950_000);
    await fixSpan(pool, of, { startsAt: 950_000, endsAt: 2_000_000 });
    expect(await noteSchedule(pool, of, 990_000)).toBe(950_000);
  });
});

describe('a fulfilment without a run', () => {
  const owed = async (tenant: string) => (await tenantsWithDebts(ledger.pool)).includes(tenant);

  test('is a debt until it is closed', async () => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    expect(await openFulfilments(ledger.pool, id.tenant)).toEqual([
      { campaignId: id.campaignId, channel: id.channel },
    ]);
    expect(await owed(id.tenant)).toBe(true);
    await closeFulfilment(ledger.pool, of, 'given');
    expect(await openFulfilments(ledger.pool, id.tenant)).toEqual([]);
    expect(await owed(id.tenant)).toBe(false);
  });

  test('is none while its campaign is fenced', async () => {
    const id = fulfilmentId();
    await openedFulfilment(ledger.pool, id);
    await fenceCampaign(ledger.pool, id, 'deleted');
    expect(await openFulfilments(ledger.pool, id.tenant)).toEqual([]);
  });

  test.each([
    ['its lead time', { startsInMs: 30 * dayMs, wakesInMs: undefined }],
    ['something else', { startsInMs: 0, wakesInMs: dayMs }],
  ])('is left alone while it sleeps for %s', async (_name, { startsInMs, wakesInMs }) => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    const startsAt = Date.now() + startsInMs;
    await fixSpan(ledger.pool, of, { startsAt, endsAt: startsAt + dayMs });
    if (wakesInMs !== undefined) await noteWaking(ledger.pool, of, Date.now() + wakesInMs);
    expect(await openFulfilments(ledger.pool, id.tenant)).toEqual([]);
    expect(await owed(id.tenant)).toBe(false);
  });

  test('is a debt again a minute before its lead time is over', async () => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    const startsAt = Date.now() + 50_000;
    await fixSpan(ledger.pool, of, { startsAt, endsAt: startsAt + dayMs });
    expect(await openFulfilments(ledger.pool, id.tenant)).toHaveLength(1);
  });
});

describe('a batch of a fulfilment that could not be given in time', () => {
  test('is no pool of checks, and leaves no debt', async () => {
    const id = fulfilmentId();
    const of = await openedFulfilment(ledger.pool, id);
    await stageOf(ledger.pool, of, rowsOf(2));
    await cutOf(ledger.pool, of, { from: Date.now() - 8 * dayMs });
    await closeFulfilment(ledger.pool, of, 'late');
    await closeCampaign(ledger.pool, of.ref, { ...summary, reason: 'late' });
    expect(await overduePools(ledger.pool, id.tenant)).toEqual([]);
    expect(await tenantsWithDebts(ledger.pool)).not.toContain(id.tenant);
  });
});

test('a campaign that is being given after its sending needs no run of its own', async () => {
  const id = fulfilmentId();
  await openedFulfilment(ledger.pool, id);
  expect(await openCampaignIds(ledger.pool, id.tenant)).toEqual([]);
  const { id: other } = await openedCampaign(ledger.pool);
  expect(await openCampaignIds(ledger.pool, other.tenant)).toEqual([other.campaignId]);
});
