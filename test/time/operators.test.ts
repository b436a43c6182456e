import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { forwardKinds } from '../../src/domain/effect.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged, release, retry } from '../../src/workflows/messages.ts';
import { countStates, type FakeCampaign, membersOf } from './fake-state.ts';
import { minuteMs, openStage, type Play, type Stage, secondMs } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });
const acting = { by: 'duty', reason: 'a person looked', request: 'r-1' };
const handleOf = (campaignId: string) =>
  stage.workflow.getHandle(workflowId.campaign(id(campaignId)));

describe('release', () => {
  test('lets a held campaign go on, and is answered when it has', async () => {
    let answered: unknown = 'not yet';
    const { ended, campaign } = await stage.play(id('1'), {
      deadlineMs: 30 * minuteMs,
      maxAudience: 29,
      cues: [
        [
          10 * minuteMs,
          async () => {
            answered = await handleOf('1').executeUpdate(release, {
              args: [{ ...acting, approves: true }],
            });
          },
        ],
      ],
    });
    expect(answered).toBeNull();
    expect(ended).toBe('decided');
    expect(campaign.held).toBeUndefined();
    expect(countStates(campaign).allocated).toBe(24);
    expect(await stage.tookMs(workflowId.campaign(id('1')))).toBeLessThan(11 * minuteMs);
    await stage.keepHistory('campaign-released', workflowId.campaign(id('1')));
  });

  test('is rejected by a run that is not held', async () => {
    let refused: unknown;
    await stage.play(id('2'), {
      deadlineMs: 30 * minuteMs,
      before: async (activity) => {
        if (activity !== 'startPass') return;
        refused = await handleOf('2')
          .executeUpdate(release, { args: [{ ...acting, approves: true }] })
          .catch((error: unknown) => error);
      },
    });
    expect(refused).toBeInstanceOf(WorkflowUpdateFailedError);
    expect(refused).toMatchObject({ cause: { message: 'Campaign 2 is not held.' } });
  });

  test('a held run looks for itself within a minute where nobody could tell it', async () => {
    const { ended } = await stage.play(id('3'), {
      deadlineMs: 30 * minuteMs,
      maxAudience: 29,
      cues: [
        [
          5 * minuteMs,
          () => {
            stage.ledger.ensure(id('3')).held = undefined;
          },
        ],
      ],
    });
    expect(ended).toBe('decided');
    expect(await stage.tookMs(workflowId.campaign(id('3')))).toBeLessThan(7 * minuteMs);
  });
});

describe('retry', () => {
  test('opens a closed campaign again over what a failure left', async () => {
    const campaign = stage.ledger.ensure(id('4'));
    const first = await stage.play(id('4'), { deadlineMs: 30 * minuteMs });
    expect(first.ended).toBe('decided');
    for (const member of membersOf(campaign).slice(0, 6)) {
      member.facts = { state: 'lapsed', clearance: 'none', redemption: 'none' };
      member.reason = 'failed';
      member.rewarded = true;
    }
    const run = await stage.start('campaign', {
      id: workflowId.campaign(id('4')),
      args: [{ ...id('4'), retry: acting }],
    });
    expect(await run.executeUpdate(retry, { args: [acting] })).toBe('reopened');
    expect(await run.result()).toBe('decided');
    expect(campaign.epoch).toBe(2);
    expect(countStates(campaign).lapsed).toBeUndefined();
    await stage.keepHistory('campaign-retried', workflowId.campaign(id('4')));
  });

  test('is rejected by a run that goes on', async () => {
    let refused: unknown;
    await stage.play(id('5'), {
      deadlineMs: 30 * minuteMs,
      before: async (activity) => {
        if (activity !== 'startPass') return;
        refused = await handleOf('5')
          .executeUpdate(retry, { args: [acting] })
          .catch((error: unknown) => error);
      },
    });
    expect(refused).toMatchObject({
      cause: { message: 'Campaign 5 is still running: there is nothing to retry.' },
    });
  });
});

describe("an operator's cancel", () => {
  test('tells false of whoever was told true, and takes everything back', async () => {
    const { ended, campaign } = await stage.play(id('6'), { deadlineMs: 30 * minuteMs });
    expect(ended).toBe('decided');
    await stage.cancelByOperator(id('6'));
    expect(await stage.result(workflowId.cancellation(id('6')))).toBe('canceled');
    expectCanceled(campaign);
    expect([...stage.ledger.books.heard.values()]).not.toContain(true);
    await stage.keepHistory('cancellation-operator', workflowId.cancellation(id('6')));
  });

  test('with force, after the last report, takes everything back and tells nothing', async () => {
    const { campaign } = await stage.play(id('7'), { deadlineMs: 3 * minuteMs });
    await stage.env.sleep(10 * minuteMs);
    const before = campaign.effects.length;
    await stage.cancelByOperator(id('7'));
    expect(campaign.fence).toBeUndefined();
    await stage.cancelByOperator(id('7'), true);
    expect(await stage.result(workflowId.cancellation(id('7')))).toBe('canceled');
    expectCanceled(campaign);
    expect(new Set(campaign.effects.slice(before).map(({ kind }) => kind))).toEqual(
      new Set(['revoke']),
    );
  });

  test('that event 4 overtakes ends as deleted', async () => {
    const { campaign } = await stage.play(id('8'), { deadlineMs: 30 * minuteMs });
    stage.interfere(async (activity) => {
      if (activity === 'revokeBatch' && campaign.fence === 'operator') await stage.cancel(id('8'));
    });
    await stage.cancelByOperator(id('8'));
    expect(await stage.result(workflowId.cancellation(id('8')))).toBe('deleted');
    expect(campaign.summary?.reason).toBe('deleted');
    expect(countStates(campaign).allocated).toBeUndefined();
  });

  test('takes back also when Optimove does not hear of the falses', async () => {
    const { campaign } = await stage.play(id('9'), { deadlineMs: 30 * minuteMs });
    stage.interfere((activity) => {
      if (activity === 'withdrawBatch') throw new Error('Optimove is away');
    });
    const canceledAt = await stage.env.currentTimeMs();
    await stage.cancelByOperator(id('9'));
    expect(await stage.result(workflowId.cancellation(id('9')))).toBe('canceled');
    expectCanceled(campaign);
    const revoked = campaign.effects.find(({ reason }) => reason === 'operator');
    expect(revoked?.begunAt).toBeLessThan(canceledAt + 5 * minuteMs);
  });
});

describe("Temporal's own Cancel", () => {
  test('is an operator cancel: false is told, everything taken back', async () => {
    const campaign = stage.ledger.ensure(id('10'));
    const play: Play = {
      deadlineMs: 30 * minuteMs,
      before: async (activity, input) => {
        const redeems = activity === 'walkStage' && JSON.stringify(input).includes('"redeem"');
        if (redeems && !campaign.fence) await handleOf('10').cancel();
      },
    };
    const ended = await stage.play(id('10'), play).catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(WorkflowFailedError);
    expect(ended).toMatchObject({ cause: expect.any(CancelledFailure) });
    expect(await stage.result(workflowId.cancellation(id('10')))).toBe('canceled');
    expectCanceled(campaign);
    expect(campaign.effects.some(({ kind }) => kind === 'approve')).toBe(true);
    expect([...stage.ledger.books.heard.values()]).not.toContain(true);
    await stage.keepHistory('campaign-canceled', workflowId.campaign(id('10')));
  });

  test('counts while the campaign waits for a person', async () => {
    const play: Play = {
      deadlineMs: 30 * minuteMs,
      maxAudience: 1,
      cues: [[minuteMs, async () => void (await handleOf('11').cancel())]],
    };
    await expect(stage.play(id('11'), play)).rejects.toThrow(WorkflowFailedError);
    expect(await stage.result(workflowId.cancellation(id('11')))).toBe('canceled');
    expect(countStates(stage.ledger.ensure(id('11')))).toEqual({ lapsed: 38 });
  });

  test('on a slice ends the slice alone: the next pass takes what is left', async () => {
    let isCanceled = false;
    const { ended, campaign } = await stage.play(id('12'), {
      deadlineMs: 30 * minuteMs,
      before: async (activity, input) => {
        if (activity !== 'walkStage' || isCanceled) return;
        if (!JSON.stringify(input).includes('"allocate"')) return;
        isCanceled = true;
        const run = workflowId.campaign(id('12'));
        await stage.workflow.getHandle(workflowId.slice(run, 1, 1)).cancel();
        throw ApplicationFailure.retryable('the worker is told by its heartbeat');
      },
    });
    expect(ended).toBe('decided');
    expect(campaign.fence).toBeUndefined();
    expect(countStates(campaign).allocated).toBe(24);
    expect(stage.ledger.books.violations).toEqual([]);
  });
});

test('a hold during the passes stops them, and the release goes on where they stopped', async () => {
  let isHeld = false;
  const { ended, campaign } = await stage.play(id('13'), {
    deadlineMs: 30 * minuteMs,
    before: (activity, input) => {
      if (activity !== 'walkStage' || isHeld) return;
      if (!JSON.stringify(input).includes('"allocate"')) return;
      isHeld = true;
      stage.ledger.ensure(id('13')).held = 'a person';
    },
    cues: [
      [
        minuteMs + 10 * secondMs,
        async () => {
          await handleOf('13').signal(campaignChanged);
          await handleOf('13').executeUpdate(release, { args: [{ ...acting, approves: true }] });
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
  expect(campaign.pass).toBeGreaterThan(1);
  expect(countStates(campaign).allocated).toBe(24);
});

function expectCanceled(campaign: FakeCampaign): void {
  expect(countStates(campaign).allocated).toBeUndefined();
  expect(campaign).toMatchObject({
    phase: 'closed',
    fence: 'operator',
    summary: { reason: 'canceled' },
  });
  const held = [...stage.ledger.books.platform].filter(
    ([key, status]) => key.startsWith(`${campaign.campaignId}/`) && status === 'allocated',
  );
  expect(held).toEqual([]);
  const late = campaign.effects.filter(
    ({ kind, begunAt }) =>
      kind !== 'deny' && forwardKinds.includes(kind) && begunAt > (campaign.fencedAt ?? 0),
  );
  expect(late).toEqual([]);
}
