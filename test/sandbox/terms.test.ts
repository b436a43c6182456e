import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { allocation, customer, FLAT, openDoor, PLAIN, play } from './caller.ts';

const NOW = Date.parse('2026-03-02T11:00:00Z');
const DAY_S = 86_400;

/** The instant so many seconds after the beginning of the test. */
const instant = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const pass = (seconds: number) => vi.setSystemTime(NOW + seconds * 1000);

/** A campaign of ten plain customers that lasts a day. */
async function playCampaign(told: Partial<CampaignOptions>) {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  const caller = await play({ catalog: FLAT });
  const { url } = await openDoor();
  const id = caller.sandbox.createCampaign('acme', {
    ...{ customers: 10, ...PLAIN, durationDays: 1, hookUrl: url, publisherDelayMs: 0 },
    ...told,
  });
  const give = (index: number, more: Parameters<typeof allocation>[2] = {}) => {
    const terms = { rewards: [], expiresAt: instant(DAY_S), ...more };
    return caller.allocate(id, allocation(`k${index}`, customer(index), terms));
  };
  const expire = (...indexes: number[]) =>
    caller.platform('revocations', {
      campaignId: id,
      reason: 'expired',
      revocations: indexes.map((index) => ({ key: `k${index}`, customerId: customer(index) })),
    });
  const redeem = (index: number) =>
    caller.promotions('/v1/promotions/redemptions', {
      redemptions: [
        {
          redemptionId: `r${index}`,
          customerId: customer(index),
          occurrenceId: id,
          promocodeId: 'pc-spring25',
        },
      ],
    });
  const verdict = () => caller.sandbox.verdict('acme', id);
  const rules = () => verdict().violations.map((each) => each.split(' · ')[0]);
  return { ...caller, id, give, expire, redeem, verdict, rules };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('in the execution flow', () => {
  const flow = 'executions';

  it('who was sent is given the code without a validation, once, until his time is over', async () => {
    const { sandbox, id, give, redeem, expire, verdict } = await playCampaign({
      ...{ flow, channels: [504, 505] },
    });
    await sandbox.execute('acme', id);
    await give(0);
    await redeem(0);
    expect(verdict()).toMatchObject({
      ...{ sent: 10, sentNotHeld: 9, heldNotSent: 0 },
      ...{ allocated: 1, allocatedNotApproved: 0 },
    });
    pass(DAY_S);
    await expire(0);
    expect(verdict()).toMatchObject({
      ...{ allocated: 0, revoked: 1, expired: 1, redeemed: 1, sentNotHeld: 9 },
      violations: [],
    });
    expect(sandbox.customer('acme', id, customer(0))).toMatchObject({
      sent: true,
      codes: [{ promoCode: 'SPRING25', expired: true, expiresAt: instant(DAY_S) }],
    });
  });

  it('nothing is given before the execution, or to who was not sent', async () => {
    const { sandbox, id, give, rules, verdict } = await playCampaign({ flow, notSentShare: 1 });
    await give(0);
    expect(rules()).toEqual(['given before the execution']);
    await sandbox.execute('acme', id);
    await give(1);
    expect(rules().slice(1)).toEqual(['given but not sent']);
    expect(verdict()).toMatchObject({ sent: 0, heldNotSent: 2 });
  });

  it('nothing is given by a code that was not promised, a second time, or with rewards from nowhere', async () => {
    const { sandbox, id, give, allocate, rules } = await playCampaign({ flow });
    await sandbox.execute('acme', id);
    await give(0, { promoCode: 'FS10' });
    expect(rules()).toEqual(['not targeted']);
    await give(1);
    await allocate(
      id,
      allocation('other', customer(1), { rewards: [], expiresAt: instant(DAY_S) }),
    );
    await give(2, { rewards: [{ rewardTypeId: 'free-spins', value: 1 }] });
    expect(rules().slice(1)).toEqual(['second allocation', 'more than validated']);
  });

  it('the term runs from the ScheduleTime of a channel that reached him, within a second', async () => {
    const { sandbox, id, give, rules } = await playCampaign({
      ...{ flow, channels: [504, 505], scheduledInSeconds: { 505: -600 } },
    });
    await sandbox.execute('acme', id);
    await give(0, { expiresAt: instant(DAY_S + 1) });
    await give(1, { expiresAt: instant(DAY_S - 601) });
    expect(rules()).toEqual([]);
    await give(2, { expiresAt: instant(DAY_S + 2) });
    await give(3, { expiresAt: instant(DAY_S - 300) });
    expect(rules()).toEqual(['wrong term', 'wrong term']);
    await give(4, { startsAt: instant(0) });
    expect(rules().slice(2)).toEqual(['wrong term']);
  });

  it('a lead time is waited for, and told', async () => {
    const { sandbox, id, give, rules } = await playCampaign({ flow, leadTimeDays: 2 });
    await sandbox.execute('acme', id);
    const term = { startsAt: instant(2 * DAY_S), expiresAt: instant(3 * DAY_S) };
    pass(2 * DAY_S - 2);
    await give(0, term);
    expect(rules()).toEqual(['given before the lead time']);
    pass(2 * DAY_S);
    await give(1, term);
    expect(rules()).toHaveLength(1);
    await give(2, { expiresAt: term.expiresAt });
    await give(3, { ...term, startsAt: instant(0) });
    await give(4, { startsAt: term.startsAt, expiresAt: instant(DAY_S) });
    expect(rules().slice(1, 3)).toEqual(['wrong term', 'wrong term']);
    expect(rules().slice(3)).toEqual(['given after expiry', 'wrong term']);
  });
});

describe('in the publisher flow', () => {
  const flow = 'publisher';

  it('who was awarded is given it after the execution, until the deadline’s execution and duration', async () => {
    const played = await playCampaign({ flow, deadlineInSeconds: 60 });
    const { sandbox, id, give, publish, redeem, rules, verdict } = played;
    await sandbox.announce('acme', id);
    await publish({
      campaignId: id,
      clearanceRequiredBy: '2026-03-02 11:01:00',
      batch: { id: 'b1', index: 1, count: 1 },
      customers: [0, 1, 2].map((at) => ({ customerId: customer(at), promoCode: 'SPRING25' })),
    });
    await vi.waitFor(() => expect(verdict().approved).toBe(3));
    const term = { expiresAt: instant(60 + 1800 + DAY_S) };
    await give(0, term);
    expect(rules()).toEqual(['given before the execution']);
    await sandbox.execute('acme', id);
    await give(1, term);
    await redeem(1);
    expect(rules()).toHaveLength(1);
    await give(2, { expiresAt: instant(DAY_S) });
    await give(3, term);
    expect(rules().slice(1)).toEqual(['wrong term', 'given but not awarded']);
    expect(verdict()).toMatchObject({ sent: 3, sentNotHeld: 0, heldNotSent: 1 });
  });
});

describe('in the auto flow', () => {
  const flow = 'automatic';

  it('who was awarded is given it, from any instant since the execution', async () => {
    const { sandbox, id, give, redeem, rules, verdict } = await playCampaign({ flow });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 3 });
    await sandbox.execute('acme', id);
    pass(30);
    await give(0);
    await give(1, { expiresAt: instant(DAY_S + 30) });
    await redeem(1);
    expect(rules()).toEqual([]);
    await give(2, { expiresAt: instant(DAY_S + 32) });
    await give(3);
    expect(rules()).toEqual(['wrong term', 'given but not awarded']);
    expect(verdict()).toMatchObject({ sent: 3, sentNotHeld: 0, heldNotSent: 1 });
  });
});

describe('in every flow', () => {
  it('nothing is given after its time, and nothing is taken back as expired before it', async () => {
    const { give, expire, rules } = await playCampaign({});
    await give(0, { expiresAt: instant(60) });
    await give(1, { expiresAt: instant(60) });
    pass(58);
    await expire(0);
    expect(rules()).toEqual(['expired too early']);
    pass(59);
    await expire(1);
    expect(rules()).toHaveLength(1);
    pass(62);
    await give(2, { expiresAt: instant(60) });
    expect(rules()).toHaveLength(1);
    pass(63);
    await give(3, { expiresAt: instant(60) });
    expect(rules().slice(1)).toEqual(['given after expiry']);
  });

  it('nothing is redeemed that is not held, and nothing is done after a cancellation', async () => {
    const { sandbox, id, give, redeem, rules } = await playCampaign({ flow: 'executions' });
    await sandbox.execute('acme', id);
    await redeem(0);
    expect(rules()).toEqual(['redeemed without right']);
    await sandbox.cancel('acme', id);
    pass(3);
    await give(1);
    expect(rules().slice(1)).toEqual(['effect after cancellation']);
  });
});
