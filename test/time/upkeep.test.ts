import { afterEach, beforeEach, expect, test } from 'vitest';
import { sliceBatches } from '../../src/domain/batching.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { countStates, cutAudience, membersOf } from './fake-state.ts';
import { dayMs, minuteMs, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

test('rewards are taken back when they end, 97 days later, within the minute', async () => {
  const id = { tenant: 'expiry', campaignId: '1' };
  const { campaign } = await stage.play(id, { deadlineMs: 30 * minuteMs, durationDays: 97 });
  await stage.result(workflowId.expiry(id));
  expect(countStates(campaign)).toMatchObject({ expired: 24 });
  const endsAt = campaign.expiresAt ?? 0;
  const taken = campaign.effects.find(({ reason }) => reason === 'expired')?.begunAt ?? 0;
  expect(taken).toBeGreaterThanOrEqual(endsAt);
  expect(taken).toBeLessThan(endsAt + 2 * minuteMs);
  expect(endsAt - campaign.announcedAt).toBeGreaterThan(97 * dayMs);
  await stage.keepHistory('expiry', workflowId.expiry(id));
});

test('a revocation of 250 batches goes in rounds, and goes on behind one that fails', async () => {
  const campaign = stage.ledger.ensure(
    { tenant: 'revocation', campaignId: '2' },
    { customers: 250, batchSize: 1 },
  );
  campaign.batches = cutAudience(campaign);
  for (const member of membersOf(campaign)) member.facts.state = 'allocated';
  let calls = 0;
  stage.interfere((activity) => {
    if (activity === 'revokeBatch') calls += 1;
    if (calls === 7) throw new Error('the platform is away for a moment');
  });
  const parent = 'revocation/campaign/2';
  const revocation = await stage.start('revocation', {
    id: workflowId.revocation(parent, 'canceled'),
    args: [{ ref: campaign.ref, reason: 'canceled', lanes: 8 }],
  });
  await revocation.result();
  expect(countStates(campaign)).toEqual({ revoked: membersOf(campaign).length });
  await stage.keepHistory('revocation-largest', workflowId.revocation(parent, 'canceled'));
});

test('settlement starts the expiry of a campaign whose pools end soon', async () => {
  const id = { tenant: 'ending', campaignId: '9' };
  const campaign = stage.ledger.ensure(id, { customers: 6, batchSize: 2 });
  campaign.batches = cutAudience(campaign);
  campaign.expiresAt = (await stage.env.currentTimeMs()) + minuteMs;
  for (const member of membersOf(campaign)) member.facts.state = 'allocated';
  stage.ledger.ending.set(id.tenant, [id.campaignId]);
  const settlement = { id: workflowId.settlement(id.tenant), args: [{ tenant: id.tenant }] };
  await (await stage.start('settlement', settlement)).result();
  await stage.result(workflowId.expiry(id));
  expect(countStates(campaign)).toEqual({ expired: membersOf(campaign).length });
});

test('a revocation of very many pools gives an activity several of them', async () => {
  const campaign = stage.ledger.ensure(
    { tenant: 'pools', campaignId: '10' },
    { customers: 1_001, batchSize: 1 },
  );
  campaign.batches = cutAudience(campaign);
  for (const member of membersOf(campaign)) member.facts.state = 'allocated';
  let calls = 0;
  stage.interfere((activity) => {
    if (activity === 'revokeBatch') calls += 1;
  });
  const parent = 'pools/cancellation/10';
  const revocation = await stage.start('revocation', {
    id: workflowId.revocation(parent, 'canceled'),
    args: [{ ref: campaign.ref, reason: 'canceled', lanes: 8 }],
  });
  await revocation.result();
  expect(countStates(campaign)).toEqual({ revoked: membersOf(campaign).length });
  const perCall = Math.ceil(campaign.batches.length / sliceBatches);
  expect(perCall).toBeGreaterThan(10);
  expect(calls).toBe(Math.ceil(campaign.batches.length / perCall));
});
