import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { cutAudience, membersOf } from './fake-state.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

/** A closed campaign of 40 customers, a batch each, the third of which differs. */
function openCampaign(tenant: string, campaignId: string) {
  const campaign = stage.ledger.ensure({ tenant, campaignId }, { customers: 40, batchSize: 1 });
  campaign.batches = cutAudience(campaign);
  campaign.phase = 'closed';
  const [, , third] = membersOf(campaign);
  if (!third) throw new Error('the campaign has members');
  stage.ledger.reconciled.differing.add(third);
  return { campaign, third };
}

const repairing = { by: 'tests', reason: 'reconcile --repair', request: randomUUID() };

test('a campaign is looked at batch by batch, and what differs is repaired where that is asked for', async () => {
  const { reconciled } = stage.ledger;
  const [tenant, campaignId] = ['books', '1'];
  const { third, campaign } = openCampaign(tenant, campaignId);
  const id = workflowId.reconciliation(tenant, campaignId);
  await (await stage.start('reconciliation', { id, args: [{ tenant, campaignId }] })).result();
  expect(reconciled.left).toEqual([third]);
  await stage.keepHistory('reconciliation', id);
  const again = { id, args: [{ tenant, campaignId, repairing }] };
  await (await stage.start('reconciliation', again)).result();
  expect({ left: reconciled.left, differing: [...reconciled.differing] }).toEqual({
    left: [],
    differing: [],
  });
  const runs = [...reconciled.runs.values()];
  expect(runs.map(({ ended, lookedAt }) => [ended, new Set(lookedAt).size])).toEqual([
    [true, campaign.batches.length],
    [true, campaign.batches.length],
  ]);
});

test('what cannot be looked at is told, and the rest goes on', async () => {
  const tenant = 'trouble';
  const first = openCampaign(tenant, '1');
  const second = openCampaign(tenant, '2');
  stage.interfere((activity, input) => {
    const of = JSON.stringify(input);
    if (activity === 'stageEvidence' && of.includes(`"ref":${first.campaign.ref},`)) {
      throw ApplicationFailure.nonRetryable('it does not know our key');
    }
    if (activity === 'reconcileBatches' && of.includes('[7]')) throw new Error('it is worked on');
  });
  const id = workflowId.reconciliation(tenant, '2026-11-20');
  const args = [{ tenant, date: '2026-11-20' }];
  const run = await stage.start('reconciliation', { id, args });
  await run.result();
  const [found] = stage.ledger.reconciled.runs.values();
  expect(found?.problems).toEqual(['it does not know our key', 'it is worked on']);
  expect(found?.ended).toBe(true);
  expect(stage.ledger.reconciled.left).toContain(second.third);
});

test('a night reconciles the day before, and repairs nothing', async () => {
  const tenant = 'night';
  const { third } = openCampaign(tenant, '1');
  const id = workflowId.reconciliation(tenant, 'nightly');
  const yesterday = new Date((await stage.env.currentTimeMs()) - 86_400_000);
  const date = yesterday.toISOString().slice(0, 10);
  await (await stage.start('nightly', { id, args: [{ tenant }] })).result();
  const [run] = stage.ledger.reconciled.runs.values();
  expect(run).toMatchObject({ subject: date, ended: true, problems: [] });
  expect(stage.ledger.reconciled.left).toEqual([third]);
});
