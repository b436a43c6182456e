import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged, campaignProgress } from '../../src/workflows/messages.ts';
import { countStates } from './fake-state.ts';
import { minuteMs, openStage, type Stage, secondMs } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });

/** 30 customers, 38 assignments: 3 screened out and as many declined; a customer with a refused code is denied. */
const decided = {
  screened_out: 3,
  declined: 3,
  refused: 4,
  revoked: 4,
  allocated: 24,
};

test('a campaign is decided as soon as its batches are, and leaves the expiry behind', async () => {
  const { ended, campaign } = await stage.play(id('1'), { deadlineMs: 30 * minuteMs });
  expect(ended).toBe('decided');
  expect(campaign.summary).toMatchObject({ reason: 'decided', audience: 30, states: decided });
  expect(stage.ledger.books.violations).toEqual([]);
  const expiry = await stage.workflow.getHandle(workflowId.expiry(id('1'))).describe();
  expect(expiry.status.name).toBe('RUNNING');
  const run = workflowId.campaign(id('1'));
  await stage.keepHistory('campaign', run);
  await stage.keepHistory('slice', workflowId.slice(run, 1, 1));
  await stage.keepHistory('revocation', workflowId.revocation(run, 'deadline'));
});

test('a campaign shows its finished batches while its slice still walks', async () => {
  const run = workflowId.campaign(id('12'));
  let shown: unknown;
  const { ended } = await stage.play(id('12'), {
    deadlineMs: 30 * minuteMs,
    async before(activity, input) {
      const isLast = activity === 'walkStage' && isBatch(input, 3);
      if (!isLast || shown) return;
      shown = await vi.waitFor(
        async () => {
          const progress = await stage.workflow.getHandle(run).query(campaignProgress);
          expect(progress.finished).toBe(2);
          return progress;
        },
        { timeout: 10_000 },
      );
    },
  });
  expect(shown).toMatchObject({ phase: 'running', batches: 3, finished: 2, pass: 1 });
  expect(ended).toBe('decided');
});

function isBatch(input: unknown, batch: number): boolean {
  return typeof input === 'object' && input !== null && 'batch' in input && input.batch === batch;
}

test('an audience that is empty at first is asked for again', async () => {
  const { ended, campaign } = await stage.play(id('2'), {
    deadlineMs: 30 * minuteMs,
    emptyReadings: 7,
  });
  expect(ended).toBe('decided');
  expect(campaign.asked).toBe(8);
});

test('an audience that stays empty for two minutes closes the campaign as empty', async () => {
  const { ended, campaign } = await stage.play(id('3'), {
    deadlineMs: 30 * minuteMs,
    customers: 0,
  });
  expect(ended).toBe('empty');
  expect(campaign.summary).toMatchObject({ reason: 'empty', audience: 0 });
  const tookMs = await stage.tookMs(workflowId.campaign(id('3')));
  expect(tookMs).toBeGreaterThanOrEqual(2 * minuteMs);
  expect(tookMs).toBeLessThan(3 * minuteMs);
  await stage.keepHistory('campaign-empty', workflowId.campaign(id('3')));
});

test('an audience over the limit waits for its release', async () => {
  let heldAt: unknown;
  const { ended, campaign } = await stage.play(id('4'), {
    deadlineMs: 30 * minuteMs,
    maxAudience: 29,
    cues: [
      [
        10 * minuteMs,
        async () => {
          heldAt = countStates(stage.ledger.ensure(id('4')));
          stage.ledger.ensure(id('4')).held = undefined;
          await changed('4');
        },
      ],
    ],
  });
  expect(heldAt).toEqual({ targeted: 38 });
  expect(ended).toBe('decided');
  expect(countStates(campaign)).toEqual(decided);
  await stage.keepHistory('campaign-held', workflowId.campaign(id('4')));
});

test('an audience that nobody releases in time ends undecided, and nothing was given', async () => {
  const { ended, campaign } = await stage.play(id('5'), {
    deadlineMs: 30 * minuteMs,
    maxAudience: 29,
  });
  expect(ended).toBe('deadline');
  expect(countStates(campaign)).toEqual({ lapsed: 38 });
  expect(campaign.effects).toEqual([]);
});

test('a halted campaign goes on when the far side knows our key again', async () => {
  const tenant = stage.ledger.tenantOf('halted');
  const halted = { tenant: 'halted', campaignId: '6' };
  tenant.halted = true;
  const { ended, campaign } = await stage.play(halted, {
    deadlineMs: 30 * minuteMs,
    cues: [
      [
        // A signal while it is halted must not make it ask without a pause.
        30 * secondMs,
        () => stage.workflow.getHandle(workflowId.campaign(halted)).signal(campaignChanged),
      ],
      [
        5 * minuteMs,
        () => {
          tenant.halted = false;
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
  expect(countStates(campaign)).toEqual(decided);
  const run = await stage.workflow.getHandle(workflowId.campaign(halted)).fetchHistory();
  expect(run.events?.length).toBeLessThan(250);
});

test('a batch that fails is taken by the next pass', async () => {
  let failures = 0;
  const { ended, campaign } = await stage.play(id('7'), {
    deadlineMs: 30 * minuteMs,
    before: (activity, input) => {
      if (activity !== 'walkStage' || failures > 0) return;
      if (!JSON.stringify(input).includes('"batch":2')) return;
      failures += 1;
      throw ApplicationFailure.nonRetryable('the far side refuses', 'FarSide.refused');
    },
  });
  expect(ended).toBe('decided');
  expect(campaign.pass).toBe(2);
  expect(countStates(campaign)).toEqual(decided);
  const run = workflowId.campaign(id('7'));
  await stage.keepHistory('campaign-second-pass', run);
  await stage.keepHistory('slice-failed-batch', workflowId.slice(run, 1, 1));
});

test('what stops one batch stops the pass: the others are not begun', async () => {
  const walked = new Set<string>();
  const { ended } = await stage.play(id('8'), {
    deadlineMs: 30 * minuteMs,
    lanes: 1,
    before: (activity, input) => {
      if (activity !== 'walkStage') return;
      const text = JSON.stringify(input);
      walked.add(/"batch":\d+/.exec(text)?.[0] ?? '');
      if (text.includes('validate')) stage.ledger.ensure(id('8')).held = 'a person';
    },
  });
  expect(ended).toBe('deadline');
  expect([...walked]).toEqual(['"batch":1']);
});

async function changed(campaignId: string): Promise<void> {
  await stage.workflow.getHandle(workflowId.campaign(id(campaignId))).signal(campaignChanged);
}
