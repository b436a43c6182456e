import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { customer, FLAT, openDoor, PLAIN, play } from './caller.ts';

const DEADLINE = '2026-03-02T11:30:00Z';
const BEFORE = Date.parse('2026-03-02T11:00:00Z');

/** An announced campaign of ten plain customers whose publisher answers and works at once. */
async function playCampaign(told: Partial<CampaignOptions> = {}) {
  vi.useFakeTimers({ toFake: ['Date'], now: BEFORE });
  const caller = await play({ catalog: FLAT });
  const { url } = await openDoor();
  const id = caller.sandbox.createCampaign('acme', {
    ...{ customers: 10, ...PLAIN, flow: 'publisher', publisherDelayMs: 0, hookUrl: url },
    ...{ clearanceRequiredBy: DEADLINE, ...told },
  });
  await caller.sandbox.announce('acme', id);
  const verdict = () => caller.sandbox.verdict('acme', id);
  const rules = () => verdict().violations.map((each) => each.split(' · ')[0]);
  const publish = (batchId: string, indexes: number[], more: Record<string, unknown> = {}) =>
    caller.publish(batchOf(id, batchId, indexes, more));
  return { ...caller, id, verdict, rules, publish };
}

function batchOf(id: string, batchId: string, indexes: number[], more: Record<string, unknown>) {
  return {
    campaignId: Number(id),
    clearanceRequiredBy: '2026-03-02 11:30:00',
    batch: { id: batchId, index: 1, count: 1 },
    customers: indexes.map((index) => ({
      customerId: customer(index),
      actionId: 4,
      promoCode: 'SPRING25',
    })),
    ...more,
  };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the publisher', () => {
  it('validates, uploads and reports by itself whom it was handed', async () => {
    const { publish, verdict, sandbox, id } = await playCampaign();
    const told = await publish('b1', [0, 1]);
    expect([told.status, told.json]).toEqual([202, { batchId: 'b1', accepted: 2 }]);
    await vi.waitFor(() => expect(verdict().approved).toBe(2));
    expect(verdict()).toMatchObject({
      published: 2,
      validated: 2,
      uploaded: 2,
      budgetSpent: { 'free-spins': 20 },
      calls: { publish: 1 },
      violations: [],
    });
    await sandbox.execute('acme', id);
    expect(verdict()).toMatchObject({ sent: 2, sentNotHeld: 2, heldNotSent: 0 });
  });

  it('approves nobody whom Promotions refuses, and reads an array of codes too', async () => {
    const { publish, verdict, sandbox } = await playCampaign({ severalCodesShare: 1 });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 1 });
    const rows = [0, 1].map((index) => ({
      customerId: customer(index),
      promoCode: index === 0 ? 'SPRING25,FS10' : ['SPRING25', 'FS10'],
    }));
    await publish('b1', [], { customers: rows });
    await vi.waitFor(() => expect(verdict().validated).toBe(3));
    expect(verdict()).toMatchObject({ refused: 1, approved: 1, uploaded: 2, violations: [] });
  });

  it('answers the same batch again, and does nothing', async () => {
    const { publish, verdict } = await playCampaign();
    await publish('b1', [0]);
    const again = await publish('b1', [0]);
    expect([again.status, again.json]).toEqual([202, { batchId: 'b1', accepted: 1 }]);
    await vi.waitFor(() => expect(verdict().approved).toBe(1));
    expect(verdict()).toMatchObject({ published: 1, validated: 1, violations: [] });
  });

  it('takes a batch whose answer never comes', async () => {
    const { publish, verdict, sandbox } = await playCampaign();
    sandbox.setFaults('acme', [{ kind: 'publish', fault: 'reset', calls: [1] }]);
    await expect(publish('b1', [0])).rejects.toThrow();
    expect((await publish('b1', [0])).status).toBe(202);
    await vi.waitFor(() => expect(verdict().approved).toBe(1));
    expect(verdict().violations).toEqual([]);
  });

  it('awards and does not approve, where the deadline has passed while it worked', async () => {
    const { publish, verdict } = await playCampaign({ publisherDelayMs: 300 });
    await publish('b1', [0]);
    vi.setSystemTime(Date.parse(DEADLINE));
    await vi.waitFor(() => expect(verdict().validated).toBe(1));
    expect(verdict()).toMatchObject({ approved: 0, violations: [] });
  });

  it('stops where the campaign is canceled before it has worked', async () => {
    const { publish, verdict, sandbox, id } = await playCampaign({ publisherDelayMs: 300 });
    await publish('b1', [0]);
    await sandbox.cancel('acme', id);
    const other = await playCampaign({ publisherDelayMs: 300 });
    await other.publish('b1', [0]);
    await vi.waitFor(() => expect(other.verdict().approved).toBe(1));
    expect(verdict()).toMatchObject({ published: 1, validated: 0, approved: 0, violations: [] });
  });

  it('refuses more than 10,000 customers and a campaign it does not know', async () => {
    const { publish, verdict } = await playCampaign({ customers: 10_001 });
    const all = Array.from({ length: 10_001 }, (_, index) => index);
    expect((await publish('b1', all)).status).toBe(413);
    expect((await publish('b1', [0], { campaignId: 1 })).status).toBe(404);
    expect((await publish('b1', [0], { batch: { id: 'b1', index: 2, count: 1 } })).status).toBe(
      400,
    );
    expect(verdict().published).toBe(0);
  });
});

describe('the sandbox finds', () => {
  it('a customer who is published twice', async () => {
    const { publish, rules } = await playCampaign();
    await publish('b1', [0, 1]);
    await publish('b2', [1, 2]);
    expect(rules()).toEqual(['published twice']);
  });

  it('a batch id that comes with another body, which does nothing', async () => {
    const { publish, rules, verdict } = await playCampaign();
    await publish('b1', [0]);
    expect((await publish('b1', [1])).status).toBe(422);
    expect(rules()).toEqual(['batch id reused']);
    expect(verdict().published).toBe(1);
  });

  it('a stranger, a code of somebody else, a control and a screened-out customer published', async () => {
    const { publish, rules, platform, id } = await playCampaign({
      ...{ controlShare: 0.5, deniedShare: 1 },
    });
    await platform('screenings', { campaignId: id, customerIds: [customer(0)] });
    // Every second of these twenty is one of the control group.
    await publish('b1', [0, 1]);
    expect(rules()).toEqual(['screened out', 'control group']);
    const customers = [{ customerId: customer(2), promoCode: 'SPRING25,FS10' }];
    await publish('b2', [], { customers: [...customers, { customerId: 'P-00000099' }] });
    expect(rules().slice(2)).toEqual(['not targeted', 'not targeted']);
  });

  it('a batch after the deadline', async () => {
    const { publish, rules } = await playCampaign();
    vi.setSystemTime(Date.parse(DEADLINE));
    await publish('b1', [0]);
    expect(rules()).toEqual(['published after deadline']);
  });

  it('a batch after the cancellation was heard, and none within two seconds of it', async () => {
    const { publish, rules, sandbox, id } = await playCampaign();
    await sandbox.cancel('acme', id);
    vi.setSystemTime(Date.now() + 1900);
    await publish('b1', [0]);
    expect(rules()).toEqual([]);
    vi.setSystemTime(Date.now() + 200);
    await publish('b2', [1]);
    expect(rules()).toEqual(['effect after cancellation']);
  });

  it('a batch with a deadline that nobody told, and of a campaign that is another flow’s', async () => {
    const { publish, rules, sandbox, id } = await playCampaign();
    await sandbox.reschedule('acme', id, { clearanceRequiredBy: '2026-03-02T11:45:00Z' });
    await publish('b1', [0]);
    await publish('b2', [1], { clearanceRequiredBy: '2026-03-02 11:45:00' });
    expect(rules()).toEqual([]);
    await publish('b3', [2], { clearanceRequiredBy: '2026-03-02 12:30:00' });
    expect(rules()).toEqual(['published otherwise']);
    const managed = await playCampaign({ flow: 'managed' });
    await managed.publish('b1', [0]);
    expect(managed.rules()).toEqual(['published otherwise']);
  });

  it.each(['publisher', 'automatic'] as const)(
    'a report of the tenant’s about a customer of the %s flow',
    async (flow) => {
      const { report, rules, id } = await playCampaign({ flow });
      await report(id, { [customer(0)]: true, [customer(1)]: false });
      const rule = 'reported beside the publisher';
      expect(rules()).toEqual([rule, rule]);
    },
  );
});
