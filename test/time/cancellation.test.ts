import { afterEach, beforeEach, expect, test } from 'vitest';
import { forwardKinds } from '../../src/domain/effect.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { countStates, cutAudience, type FakeCampaign } from './fake-state.ts';
import { minuteMs, openStage, type Stage, secondMs } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });

test('a campaign deleted on its way ends its run and takes back what it gave', async () => {
  const { ended, campaign } = await stage.play(id('1'), {
    deadlineMs: 30 * minuteMs,
    before: async (activity, input) => {
      const reports = activity === 'walkStage' && JSON.stringify(input).includes('report');
      if (reports && !campaignOf('1').fence) await stage.cancel(id('1'));
    },
  });
  expect(ended).toBe('fenced');
  expect(await stage.result(workflowId.cancellation(id('1')))).toBe('deleted');
  expectTakenBack(campaign);
  await stage.keepHistory('cancellation', workflowId.cancellation(id('1')));
  await stage.keepHistory('campaign-deleted', workflowId.campaign(id('1')));
});

test('nothing is taken back while an allocation may be on the wire', async () => {
  const campaign = stage.ledger.ensure(id('6'));
  campaign.batches = cutAudience(campaign);
  const begunAt = await stage.env.currentTimeMs();
  const aliveUntil = begunAt + 30_000;
  campaign.effects.push({
    ...{ kind: 'allocate', batch: 1, members: campaign.batches[0]?.members ?? [] },
    ...{ begunAt, aliveUntil, open: true, approved: new Set(), reason: undefined },
  });
  await stage.cancel(id('6'));
  await stage.result(workflowId.cancellation(id('6')));
  const revoked = campaign.effects.find(({ kind }) => kind === 'revoke');
  expect(revoked?.begunAt).toBeGreaterThanOrEqual(aliveUntil);
});

test('a campaign deleted while it waits for a person ends at once', async () => {
  const { ended, campaign } = await stage.play(id('2'), {
    deadlineMs: 30 * minuteMs,
    maxAudience: 1,
    cues: [[minuteMs, () => stage.cancel(id('2'))]],
  });
  expect(ended).toBe('fenced');
  await stage.result(workflowId.cancellation(id('2')));
  expect(countStates(campaign)).toEqual({ lapsed: 38 });
  expect(await stage.tookMs(workflowId.campaign(id('2')))).toBeLessThan(minuteMs + 5 * secondMs);
});

test('a campaign deleted while its audience is collected ends before anything is given', async () => {
  const { ended, campaign } = await stage.play(id('3'), {
    deadlineMs: 30 * minuteMs,
    emptyReadings: 5,
    cues: [[20 * secondMs, () => stage.cancel(id('3'))]],
  });
  expect(ended).toBe('fenced');
  await stage.result(workflowId.cancellation(id('3')));
  expect(campaign).toMatchObject({ phase: 'closed', effects: [] });
});

test('a campaign deleted before it was announced never begins', async () => {
  await stage.cancel(id('4'));
  expect(await stage.result(workflowId.cancellation(id('4')))).toBe('deleted');
  const { ended, campaign } = await stage.play(id('4'), { deadlineMs: 30 * minuteMs });
  expect(ended).toBe('fenced');
  expect(campaign).toMatchObject({ phase: 'closed', epoch: 0, effects: [] });
});

test('a campaign deleted after its end takes back what was approved; a repeat finds nothing', async () => {
  const { ended, campaign } = await stage.play(id('5'), { deadlineMs: 30 * minuteMs });
  expect(ended).toBe('decided');
  await stage.cancel(id('5'));
  expect(await stage.result(workflowId.cancellation(id('5')))).toBe('deleted');
  expectTakenBack(campaign);
  const effects = campaign.effects.length;
  await stage.cancel(id('5'));
  expect(await stage.result(workflowId.cancellation(id('5')))).toBe('deleted');
  expect(campaign.effects.length).toBe(effects);
  await stage.result(workflowId.expiry(id('5')));
  expect(countStates(campaign).expired).toBeUndefined();
});

function campaignOf(campaignId: string): FakeCampaign {
  return stage.ledger.ensure(id(campaignId));
}

function expectTakenBack(campaign: FakeCampaign): void {
  expect(countStates(campaign).allocated).toBeUndefined();
  expect(campaign).toMatchObject({ phase: 'closed', summary: { reason: 'deleted' } });
  const held = [...stage.ledger.books.platform].filter(
    ([key, status]) => key.startsWith(`${campaign.campaignId}/`) && status === 'allocated',
  );
  expect(held).toEqual([]);
  const late = campaign.effects.filter(
    ({ kind, begunAt }) => forwardKinds.includes(kind) && begunAt > (campaign.fencedAt ?? 0),
  );
  expect(late).toEqual([]);
}
