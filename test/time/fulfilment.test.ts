import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  automaticRecipe,
  awardedRecipe,
  executionsRecipe,
  publisherRecipe,
} from '../../src/domain/flow.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged } from '../../src/workflows/messages.ts';
import { tellExecuted } from './fake-fulfilments.ts';
import {
  type Audience,
  countStates,
  type FakeCampaign,
  type FakeEffect,
  membersOf,
} from './fake-state.ts';
import { dayMs, minuteMs, openStage, type Stage, secondMs } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });

const automatic: Partial<Audience> = { flow: 'automatic', stages: [], executed: automaticRecipe };
const executions: Partial<Audience> = {
  ...{ flow: 'executions', stages: [], executed: executionsRecipe },
};

/** 30 customers, 38 assignments: three are screened out, three declined, four were awarded nothing. */
const awarded = { screened_out: 3, declined: 3, refused: 4, allocated: 28 };
/** Without an award nobody is refused. */
const given = { screened_out: 3, declined: 3, allocated: 32 };

const ofKind = ({ effects }: FakeCampaign, kind: FakeEffect['kind']) =>
  effects.filter((effect) => effect.kind === kind);

function stillHeld(): string[] {
  const { platform } = stage.ledger.books;
  return [...platform].filter(([, status]) => status === 'allocated').map(([key]) => key);
}

async function changed(run: string): Promise<void> {
  await stage.workflow.getHandle(run).signal(campaignChanged);
}

describe('the automatic flow', () => {
  test('gives whoever was awarded, and leaves the expiry behind', async () => {
    const { ended, campaign, run } = await stage.playSent(id('1'), automatic);
    expect(ended).toBe('given');
    expect(countStates(campaign)).toEqual(awarded);
    expect(campaign.summary).toMatchObject({
      ...{ reason: 'given', audience: 30, delegatedCustomers: 30, approvedCustomers: 0 },
    });
    expect(ofKind(campaign, 'validate')).toEqual([]);
    expect(ofKind(campaign, 'approve')).toEqual([]);
    expect(membersOf(campaign).filter(({ facts }) => facts.redemption === 'queued')).toHaveLength(
      28,
    );
    expect(stage.ledger.books.violations).toEqual([]);
    await stage.keepHistory('fulfilment-automatic', run);
    await stage.result(workflowId.expiry(id('1')));
    expect(stillHeld()).toEqual([]);
  });

  test('takes a batch that fails in the next pass', async () => {
    let failures = 0;
    const { ended, campaign } = await stage.playSent(id('2'), {
      ...automatic,
      before: (activity, input) => {
        if (activity !== 'walkStage' || failures > 0) return;
        if (!JSON.stringify(input).includes('"batch":2')) return;
        failures += 1;
        throw ApplicationFailure.nonRetryable('the far side refuses', 'FarSide.refused');
      },
    });
    expect([ended, campaign.pass, failures]).toEqual(['given', 2, 1]);
    expect(countStates(campaign)).toEqual(awarded);
  });

  test('finds out about a lost allocation, and gives nobody twice', async () => {
    let lost = 0;
    const { ended, campaign } = await stage.playSent(id('3'), {
      ...automatic,
      fate: ({ kind }) => {
        if (kind !== 'allocate' || lost > 0) return 'answered';
        lost += 1;
        return 'lost';
      },
    });
    expect([ended, lost]).toEqual(['given', 1]);
    expect(countStates(campaign)).toEqual(awarded);
    expect([...stage.ledger.books.given.values()].every((times) => times === 1)).toBe(true);
  });
});

describe('the publisher flow', () => {
  test('hands over before the deadline, and gives after event 13 to whoever was awarded', async () => {
    const { ended, campaign } = await stage.play(id('1'), {
      ...{ deadlineMs: 30 * minuteMs, flow: 'publisher' },
      ...{ stages: publisherRecipe, executed: awardedRecipe },
    });
    expect(ended).toBe('decided');
    expect(countStates(campaign)).toEqual({ screened_out: 3, published: 35 });
    expect(campaign.summary).toMatchObject({ delegatedCustomers: 27 });
    expect(ofKind(campaign, 'approve')).toEqual([]);
    const sent = await stage.playSent(id('1'));
    expect(sent.ended).toBe('given');
    expect(countStates(campaign)).toEqual(awarded);
    expect(stage.ledger.books.violations).toEqual([]);
    await stage.result(workflowId.expiry(id('1')));
    expect(stillHeld()).toEqual([]);
  });
});

describe('the execution flow', () => {
  const long = { leadTimeDays: 30, durationDays: 90 };

  test('gives after the lead time and not before, and takes back within the minute of the end', async () => {
    const { ended, campaign, run } = await stage.playSent(id('1'), {
      ...executions,
      ...long,
      channel: '504',
    });
    expect(ended).toBe('given');
    expect(countStates(campaign)).toEqual(given);
    const { toldAt = 0 } = campaign.fulfilments[0] ?? {};
    const begins = ofKind(campaign, 'allocate').map(({ begunAt }) => begunAt - toldAt);
    expect(begins).toHaveLength(3);
    expect(Math.min(...begins)).toBeGreaterThanOrEqual(30 * dayMs);
    expect(Math.max(...begins)).toBeLessThan(30 * dayMs + minuteMs);
    await stage.keepHistory('fulfilment-executions', run);
    await stage.result(workflowId.expiry(id('1')));
    const ends = ofKind(campaign, 'revoke').map(({ begunAt }) => begunAt - toldAt);
    expect(Math.min(...ends)).toBeGreaterThanOrEqual(120 * dayMs);
    expect(Math.max(...ends)).toBeLessThan(120 * dayMs + 2 * minuteMs);
    expect(countStates(campaign)).toEqual({ screened_out: 3, declined: 3, expired: 32 });
  });

  test('deleted during the lead time ends its sleep at once, and gives nothing', async () => {
    const { ended, campaign, run } = await stage.playSent(id('2'), {
      ...executions,
      ...long,
      cues: [[10 * dayMs, () => stage.cancel(id('2'))]],
    });
    expect(ended).toBe('fenced');
    expect(await stage.result(workflowId.cancellation(id('2')))).toBe('deleted');
    expect(await stage.tookMs(run)).toBeLessThan(10 * dayMs + 10 * secondMs);
    expect(campaign.effects).toEqual([]);
    expect(countStates(campaign)).toEqual({ lapsed: 38 });
    expect(campaign).toMatchObject({ phase: 'closed', summary: { reason: 'deleted' } });
  });

  test('deleted after it was given takes everything back, before its end', async () => {
    const { ended, campaign } = await stage.playSent(id('3'), { ...executions, ...long });
    expect(ended).toBe('given');
    await stage.cancel(id('3'));
    expect(await stage.result(workflowId.cancellation(id('3')))).toBe('deleted');
    expect(stillHeld()).toEqual([]);
    expect(countStates(campaign)).toEqual({ screened_out: 3, declined: 3, revoked: 32 });
  });

  test('deleted while it is given stops giving, and takes back what it gave', async () => {
    const { ended, campaign } = await stage.playSent(id('4'), {
      ...executions,
      lanes: 1,
      before: async (activity, input) => {
        const isSecond = JSON.stringify(input).includes('"batch":2');
        if (activity !== 'walkStage' || !isSecond || stage.ledger.ensure(id('4')).fence) return;
        await stage.cancel(id('4'));
      },
    });
    expect(ended).toBe('fenced');
    await stage.result(workflowId.cancellation(id('4')));
    expect(ofKind(campaign, 'allocate')).toHaveLength(1);
    expect(stillHeld()).toEqual([]);
  });

  test('of two channels gives a customer once, each batch to the end of its own channel', async () => {
    const second = { ...id('5'), channel: '610' };
    const { ended, campaign } = await stage.playSent(id('5'), {
      ...executions,
      channel: '504',
      // Both reach the first ten, each has ten of its own.
      reaches: (channel, customer) =>
        customer < 10 || (channel === '504' ? customer < 20 : customer >= 20),
      durationDays: 2,
      cues: [[dayMs, async () => void (await stage.send(id('5'), '610'))]],
    });
    expect(ended).toBe('given');
    expect(await stage.result(workflowId.fulfilment(second))).toBe('given');
    expect(countStates(campaign)).toEqual(given);
    expect([...stage.ledger.books.given.values()].every((times) => times === 1)).toBe(true);
    expect(campaign.batches.map(({ fulfilment }) => fulfilment)).toEqual([1, 1, 2]);
    await stage.result(workflowId.expiry(id('5')));
    const toldAt = campaign.fulfilments[0]?.toldAt ?? 0;
    const ends = ofKind(campaign, 'revoke').map(({ begunAt, batch }) => [
      batch,
      Math.floor((begunAt - toldAt) / dayMs),
    ]);
    expect(ends.toSorted()).toEqual([
      [1, 2],
      [2, 2],
      [3, 3],
    ]);
    expect(stillHeld()).toEqual([]);
  });
});

describe('what is to be given', () => {
  test('is asked for again while nobody is found', async () => {
    const { ended, campaign } = await stage.playSent(id('1'), {
      ...executions,
      emptyReadings: 7,
    });
    expect(ended).toBe('given');
    expect(campaign.fulfilments[0]?.asked).toBe(8);
  });

  test('is nothing once nobody was found for two minutes', async () => {
    const { ended, campaign, run } = await stage.playSent(id('2'), {
      ...executions,
      customers: 0,
    });
    expect(ended).toBe('empty');
    expect(campaign.fulfilments[0]?.outcome).toBe('empty');
    const tookMs = await stage.tookMs(run);
    expect(tookMs).toBeGreaterThanOrEqual(2 * minuteMs);
    expect(tookMs).toBeLessThan(3 * minuteMs);
  });

  test('waits for its release where it is held', async () => {
    const run = workflowId.fulfilment({ ...id('3'), channel: '' });
    const { ended, campaign } = await stage.playSent(id('3'), {
      ...executions,
      maxAudience: 1,
      cues: [
        [
          10 * minuteMs,
          async () => {
            expect(stage.ledger.ensure(id('3')).effects).toEqual([]);
            stage.ledger.ensure(id('3')).held = undefined;
            await changed(run);
          },
        ],
      ],
    });
    expect(ended).toBe('given');
    expect(countStates(campaign)).toEqual(given);
    const tookMs = await stage.tookMs(run);
    expect(tookMs).toBeGreaterThanOrEqual(10 * minuteMs);
    expect(tookMs).toBeLessThan(11 * minuteMs);
  });

  test('waits for a mended key, while it is read and while it is given', async () => {
    const tenant = stage.ledger.tenantOf('acme');
    tenant.halted = true;
    const run = workflowId.fulfilment({ ...id('4'), channel: '' });
    const { ended, campaign } = await stage.playSent(id('4'), {
      ...executions,
      cues: [
        [
          5 * minuteMs,
          () => {
            expect(stage.ledger.ensure(id('4')).fulfilments[0]?.asked).toBe(0);
            tenant.halted = false;
          },
        ],
        [
          20 * minuteMs,
          () => {
            tenant.halted = false;
          },
        ],
      ],
      before: (activity) => {
        const isFirst = stage.ledger.ensure(id('4')).pass === 0;
        if (activity === 'startPass' && isFirst) tenant.halted = true;
      },
    });
    expect(ended).toBe('given');
    expect(countStates(campaign)).toEqual(given);
    expect(await stage.tookMs(run)).toBeGreaterThanOrEqual(20 * minuteMs);
  });

  test('lapses where it is held until its end', async () => {
    const { ended, campaign, run } = await stage.playSent(id('5'), {
      ...executions,
      maxAudience: 1,
      // Half an hour: it looks for itself each minute.
      durationDays: 1 / 48,
    });
    expect(ended).toBe('late');
    expect(campaign.effects).toEqual([]);
    expect(countStates(campaign)).toEqual({ lapsed: 38 });
    expect(campaign.summary).toMatchObject({ reason: 'late' });
    expect(await stage.tookMs(run)).toBeLessThan(32 * minuteMs);
  });
});

describe('settlement', () => {
  test('leaves what sleeps for its lead time alone', async () => {
    let opened = 0;
    const settlement = workflowId.settlement('acme');
    const settle = async () => {
      await stage.start('settlement', { id: settlement, args: [{ tenant: 'acme' }] });
      await vi.waitFor(async () => {
        const { status } = await stage.workflow.getHandle(settlement).describe();
        expect(status.name).toBe('COMPLETED');
      }, 10_000);
    };
    const { ended } = await stage.playSent(id('1'), {
      ...executions,
      leadTimeDays: 30,
      cues: [
        [dayMs, settle],
        [20 * dayMs, settle],
      ],
      before: (activity) => {
        if (activity === 'openFulfilment') opened += 1;
      },
    });
    expect([ended, opened]).toEqual(['given', 1]);
  });

  // The last of its file: this server's clock stands still once a parent has left a child behind.
  test('gives a fulfilment a run that has none', async () => {
    const campaign = stage.ledger.ensure(id('2'), executions);
    tellExecuted(campaign, '504', await stage.env.currentTimeMs());
    const settlement = workflowId.settlement('acme');
    await stage.start('settlement', { id: settlement, args: [{ tenant: 'acme' }] });
    await stage.result(settlement);
    const run = workflowId.fulfilment({ ...id('2'), channel: '504' });
    expect(await stage.result(run)).toBe('given');
    expect(countStates(campaign)).toEqual(given);
  });
});
