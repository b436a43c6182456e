import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { countStates, membersOf } from './fake-state.ts';
import { minuteMs, openStage, type Play, type Stage, secondMs } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });

test('at the deadline what was given and not approved is taken back, and the rest lapses', async () => {
  const { ended, campaign } = await stage.play(id('1'), {
    deadlineMs: 3 * minuteMs,
    before: refuse('report', () => true),
  });
  expect(ended).toBe('deadline');
  expect(countStates(campaign)).toEqual({
    ...{ screened_out: 3, declined: 3, refused: 4, revoked: 28 },
  });
  expect(membersOf(campaign).filter(({ facts }) => facts.clearance !== 'none')).toEqual([]);
  expect([...stage.ledger.books.platform.values()]).not.toContain('allocated');
  expect(campaign.summary).toMatchObject({ reason: 'deadline', approvedCustomers: 0 });
  const tookMs = await stage.tookMs(workflowId.campaign(id('1')));
  expect(tookMs).toBeGreaterThan(3 * minuteMs - 2 * secondMs);
  expect(tookMs).toBeLessThan(4 * minuteMs);
  await stage.keepHistory('campaign-deadline', workflowId.campaign(id('1')));
});

test('who was not validated in time lapses by the deadline', async () => {
  const { campaign } = await stage.play(id('2'), {
    deadlineMs: 3 * minuteMs,
    before: refuse('validate', () => true),
  });
  expect(countStates(campaign)).toEqual({ screened_out: 3, lapsed: 35 });
  expect(membersOf(campaign).find(({ facts }) => facts.state === 'lapsed')?.reason).toBe(
    'deadline',
  );
});

test('a later deadline counts while the audience is collected', async () => {
  const { ended } = await stage.play(id('3'), {
    deadlineMs: minuteMs,
    emptyReadings: 4,
    cues: [[20 * secondMs, () => stage.reschedule(id('3'), 30 * minuteMs)]],
  });
  expect(ended).toBe('decided');
});

test('a later deadline counts while batches are walked', async () => {
  let mended = false;
  const { ended } = await stage.play(id('4'), {
    deadlineMs: 3 * minuteMs,
    before: refuse('report', () => !mended),
    cues: [
      [minuteMs, () => stage.reschedule(id('4'), 10 * minuteMs)],
      [
        5 * minuteMs,
        () => {
          mended = true;
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
});

test('an earlier deadline counts while batches are walked', async () => {
  const { ended } = await stage.play(id('5'), {
    deadlineMs: 60 * minuteMs,
    before: refuse('report', () => true),
    cues: [[minuteMs, () => stage.reschedule(id('5'), 3 * minuteMs)]],
  });
  expect(ended).toBe('deadline');
  const tookMs = await stage.tookMs(workflowId.campaign(id('5')));
  expect(tookMs).toBeLessThan(6 * minuteMs);
});

test('a later deadline counts while the deadline is waited for', async () => {
  let mended = false;
  const { ended } = await stage.play(id('6'), {
    deadlineMs: 3 * minuteMs,
    before: refuse('report', () => !mended),
    cues: [
      [
        2 * minuteMs + 40 * secondMs,
        async () => {
          mended = true;
          await stage.reschedule(id('6'), 10 * minuteMs);
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
  await stage.keepHistory('campaign-rescheduled', workflowId.campaign(id('6')));
});

test('a later deadline counts while the campaign takes back', async () => {
  let moved = false;
  const { ended, campaign } = await stage.play(id('7'), {
    deadlineMs: 3 * minuteMs,
    before: async (activity, input) => {
      if (activity === 'batchesToRevoke' && !moved) {
        moved = true;
        await stage.reschedule(id('7'), 10 * minuteMs);
      }
      await refuse('validate', () => !moved)(activity, input);
    },
  });
  expect(moved).toBe(true);
  expect(ended).toBe('decided');
  expect(countStates(campaign).lapsed).toBeUndefined();
});

test('what lapsed by the deadline is opened again by a later deadline', async () => {
  const play: Play = { deadlineMs: 3 * minuteMs, before: refuse('validate', () => true) };
  const first = await stage.play(id('8'), play);
  expect(countStates(first.campaign).lapsed).toBe(35);
  const { ended, campaign } = await stage.play(id('8'), { deadlineMs: 10 * minuteMs });
  expect(ended).toBe('decided');
  expect(campaign.epoch).toBe(2);
  expect(countStates(campaign)).toMatchObject({ allocated: 24, screened_out: 3 });
});

test('a campaign that is opened again leaves its expiry to the one that sleeps already', async () => {
  await stage.play(id('9'), { deadlineMs: 3 * minuteMs });
  const { ended } = await stage.play(id('9'), { deadlineMs: 10 * minuteMs });
  expect(ended).toBe('decided');
});

function refuse(stageName: string, applies: () => boolean): NonNullable<Play['before']> {
  return (activity, input) => {
    if (activity !== 'walkStage' || !applies()) return;
    if (!JSON.stringify(input).includes(`"stage":"${stageName}"`)) return;
    throw ApplicationFailure.nonRetryable('the far side refuses', 'FarSide.refused');
  };
}
