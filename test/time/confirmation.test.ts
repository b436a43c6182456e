import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged } from '../../src/workflows/messages.ts';
import type { FakeCampaign } from './fake-state.ts';
import { countStates, membersOf } from './fake-state.ts';
import { dayMs, minuteMs, openStage, type Play, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const id = (campaignId: string) => ({ tenant: 'acme', campaignId });
const hourMs = 60 * minuteMs;

/** Plays a managed campaign to its end: 24 assignments are held and approved. */
async function decided(campaignId: string, play: Partial<Play> = {}): Promise<FakeCampaign> {
  const { campaign } = await stage.play(id(campaignId), { deadlineMs: 30 * minuteMs, ...play });
  expect(countStates(campaign).allocated).toBe(24);
  return campaign;
}

const clearances = (campaign: FakeCampaign): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(membersOf(campaign), ({ facts }) => facts.clearance)].map(([one, members]) => [
      one,
      members.length,
    ]),
  );

/** The first ten customers are sent by 504, the next ten by 610, the last ten by nobody. */
const reaches: FakeCampaign['audience']['reaches'] = (channel, customer) =>
  channel === '504' ? customer < 10 : customer >= 10 && customer < 20;
const twoChannels = { channels: ['504', '610'], reaches };

/** Of those who were approved and hold it, how many assignments nobody was sent. */
const notSent = (campaign: FakeCampaign): number =>
  membersOf(campaign).filter(
    ({ facts, customer }) => facts.clearance === 'approved' && customer >= 20,
  ).length;

describe('who was sent', () => {
  test('is confirmed at once where one channel is all there is', async () => {
    const campaign = await decided('1', { channels: ['504'] });
    const { ended } = await stage.playSent(id('1'), { channel: '504' });
    expect(ended).toBe('confirmed');
    expect([campaign.notSent, campaign.phase]).toEqual([0, 'closed']);
    expect(countStates(campaign).allocated).toBe(24);
  });

  test('is decided by the channel that comes last, and the first has nothing left to do', async () => {
    const campaign = await decided('2', twoChannels);
    let decidedAt: number | undefined;
    const { ended, run } = await stage.playSent(id('2'), {
      channel: '504',
      cues: [[hourMs, async () => void (await stage.send(id('2'), '610'))]],
      before: async (activity) => {
        if (activity === 'settleSent') decidedAt ??= await stage.env.currentTimeMs();
      },
    });
    expect(ended).toBe('confirmed');
    const last = workflowId.fulfilment({ ...id('2'), channel: '610' });
    expect(await stage.result(last)).toBe('confirmed');
    expect(campaign.notSent).toBe(notSent(campaign));
    expect(campaign.notSent).toBeGreaterThan(0);
    const told = campaign.fulfilments.map(({ toldAt }) => toldAt);
    const tookMs = (decidedAt ?? Infinity) - Math.max(...told);
    expect(tookMs).toBeLessThan(2 * minuteMs);
    expect(await stage.tookMs(run)).toBeLessThan(dayMs + 2 * minuteMs);
  });

  test('is decided a day after the first channel where the other is lost', async () => {
    const campaign = await decided('3', twoChannels);
    const { ended, run } = await stage.playSent(id('3'), { channel: '504' });
    expect(ended).toBe('confirmed');
    const tookMs = await stage.tookMs(run);
    expect(tookMs).toBeGreaterThanOrEqual(dayMs);
    expect(tookMs).toBeLessThan(dayMs + 2 * minuteMs);
    expect(campaign.notSent).toBeGreaterThan(notSent(campaign));
    await stage.keepHistory('confirmation', run);
  });

  test('is asked for again while nobody shows', async () => {
    const campaign = await decided('4');
    const { emptyReadings } = Object.assign(campaign.audience, { emptyReadings: 3 });
    const { ended } = await stage.playSent(id('4'));
    expect([ended, campaign.fulfilments[0]?.asked]).toEqual(['confirmed', emptyReadings + 1]);
  });

  test('is read once the own run of the campaign is over, and not before', async () => {
    const run = workflowId.fulfilment({ ...id('5'), channel: '' });
    const campaign = await decided('5', {
      maxAudience: 1,
      cues: [
        [5 * minuteMs, async () => void (await stage.send(id('5')))],
        [
          20 * minuteMs,
          async () => {
            const held = stage.ledger.ensure(id('5'));
            expect(held.fulfilments[0]?.asked).toBe(0);
            held.held = undefined;
            await stage.workflow.getHandle(workflowId.campaign(id('5'))).signal(campaignChanged);
          },
        ],
      ],
    });
    expect(await stage.result(run)).toBe('confirmed');
    expect(campaign.notSent).toBe(0);
    expect(await stage.tookMs(run)).toBeGreaterThanOrEqual(15 * minuteMs);
  });
});

describe('an approval whose answer was lost', () => {
  test('was heard if its customer was sent; if not, its reward is taken back', async () => {
    const campaign = await decided('1', { reaches });
    for (const { facts } of membersOf(campaign)) {
      if (facts.clearance === 'approved') facts.clearance = 'unknown';
    }
    const { ended } = await stage.playSent(id('1'), { channel: '504' });
    expect(ended).toBe('confirmed');
    expect(clearances(campaign)['unknown']).toBeUndefined();
    const held = membersOf(campaign).filter(({ facts }) => facts.state === 'allocated');
    expect(held.every(({ customer }) => customer < 10)).toBe(true);
    expect(held.every(({ facts }) => facts.clearance === 'approved')).toBe(true);
    const still = [...stage.ledger.books.platform].filter(([, state]) => state === 'allocated');
    expect(still).toHaveLength(held.length);
    expect(campaign.notSent).toBe(0);
  });
});

describe('what was approved, and not sent', () => {
  test('is kept for a person to look at', async () => {
    const campaign = await decided('1', { reaches });
    await stage.playSent(id('1'), { channel: '504' });
    expect(campaign.notSent).toBeGreaterThan(0);
    expect(countStates(campaign).allocated).toBe(24);
  });

  test('is taken back where the tenant says so', async () => {
    const campaign = await decided('2', { reaches, notSent: 'revoke' });
    await stage.playSent(id('2'), { channel: '504' });
    const held = membersOf(campaign).filter(({ facts }) => facts.state === 'allocated');
    expect(held.length).toBe(24 - (campaign.notSent ?? 0));
    expect(held.every(({ customer }) => customer < 10)).toBe(true);
  });
});

test('a campaign that is deleted while a channel is waited for is taken back at once', async () => {
  const campaign = await decided('1', twoChannels);
  const { ended, run } = await stage.playSent(id('1'), {
    channel: '504',
    cues: [[hourMs, () => stage.cancel(id('1'))]],
  });
  expect(ended).toBe('fenced');
  expect(await stage.tookMs(run)).toBeLessThan(hourMs + minuteMs);
  expect(await stage.result(workflowId.cancellation(id('1')))).toBe('deleted');
  expect(countStates(campaign).allocated).toBeUndefined();
  expect(campaign.notSent).toBeUndefined();
});

test('the poll finds the channels nobody told of, and they are debts from then on', async () => {
  const tenant = 'polled';
  const campaign = stage.ledger.ensure(
    { tenant, campaignId: '9' },
    { ...twoChannels, flow: 'executions', stages: [], executed: ['screen', 'allocate'] },
  );
  const poll = workflowId.poll(tenant);
  const run = await stage.start('poll', { id: poll, args: [{ tenant }] });
  expect(await run.result()).toBe(2);
  expect(campaign.fulfilments.map(({ channel }) => channel)).toEqual(['504', '610']);
  await stage.keepHistory('poll', poll);
  const again = await stage.start('poll', { id: poll, args: [{ tenant }] });
  expect(await again.result()).toBe(0);
});
