import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged, kick } from '../../src/workflows/messages.ts';
import { countStates, membersOf } from './fake-state.ts';
import { minuteMs, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

test('settlement tells the redemptions that are due', async () => {
  const id = { tenant: 'redemptions', campaignId: '3' };
  const { campaign } = await stage.play(id, { deadlineMs: 30 * minuteMs });
  expect(stage.ledger.books.redeemed.size).toBe(0);
  await settle(id.tenant);
  expect(stage.ledger.books.redeemed.size).toBe(24);
  expect(membersOf(campaign).filter(({ facts }) => facts.redemption === 'queued')).toEqual([]);
  await stage.keepHistory('settlement', workflowId.settlement(id.tenant));
});

test('a debt that cannot be paid does not keep the others waiting', async () => {
  const id = { tenant: 'refusing', campaignId: '4' };
  const { campaign } = await stage.play(id, { deadlineMs: 30 * minuteMs });
  stage.interfere((activity, input) => {
    if (activity === 'redeemBatch' && JSON.stringify(input).includes('"number":1')) {
      throw ApplicationFailure.nonRetryable('the far side refuses', 'FarSide.refused');
    }
  });
  await settle(id.tenant);
  const due = campaign.batches.filter(({ redemptionsDue }) => redemptionsDue);
  expect(due.map(({ number }) => number)).toEqual([1]);
});

test('claims are confirmed while a redemption waits for its turn', async () => {
  const id = { tenant: 'claiming', campaignId: '8' };
  await stage.play(id, { deadlineMs: 30 * minuteMs });
  const { unconfirmed } = stage.ledger.tenantOf(id.tenant);
  let isWaiting = true;
  stage.interfere(async (activity) => {
    if (activity !== 'redeemBatch' || !isWaiting) return;
    unconfirmed.push({ campaign: 8, number: 100_000 });
    await stage.workflow.getHandle(workflowId.settlement(id.tenant)).signal(kick);
    await vi.waitFor(() => expect(unconfirmed).toEqual([]), 10_000);
    isWaiting = false;
  });
  await settle(id.tenant);
  expect(isWaiting).toBe(false);
  expect(stage.ledger.books.redeemed.size).toBe(24);
});

test('a kick that comes while settlement is at work is not lost', async () => {
  const tenant = 'kicked';
  let rounds = 0;
  stage.interfere(async (activity) => {
    if (activity !== 'debts') return;
    rounds += 1;
    if (rounds === 1) await stage.workflow.getHandle(workflowId.settlement(tenant)).signal(kick);
  });
  await settle(tenant);
  expect(rounds).toBe(2);
});

test('settlement leaves a campaign alone that has its run', async () => {
  const id = { tenant: 'running', campaignId: '6' };
  const settlement = workflowId.settlement(id.tenant);
  const { ended, campaign } = await stage.play(id, {
    deadlineMs: 30 * minuteMs,
    maxAudience: 1,
    cues: [
      [
        minuteMs,
        async () => {
          await startSettlement(id.tenant);
          await vi.waitFor(async () => {
            const { status } = await stage.workflow.getHandle(settlement).describe();
            expect(status.name).toBe('COMPLETED');
          }, 10_000);
          stage.ledger.ensure(id).held = undefined;
          await stage.workflow.getHandle(workflowId.campaign(id)).signal(campaignChanged);
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
  expect(campaign.epoch).toBe(1);
});

test('settlement tries a key again until it is mended, and tells the run', async () => {
  const id = { tenant: 'halted', campaignId: '7' };
  const tenant = stage.ledger.tenantOf(id.tenant);
  tenant.halted = true;
  let probes = 0;
  const { ended, campaign } = await stage.play(id, {
    deadlineMs: 30 * minuteMs,
    before: (activity) => {
      if (activity === 'probe') probes += 1;
    },
    cues: [
      [minuteMs, () => startSettlement(id.tenant)],
      [
        5 * minuteMs,
        () => {
          tenant.keyMended = true;
        },
      ],
    ],
  });
  expect(ended).toBe('decided');
  expect(countStates(campaign).allocated).toBe(24);
  expect(probes).toBeGreaterThan(5);
  await stage.result(workflowId.settlement(id.tenant));
  await stage.keepHistory('settlement-halted', workflowId.settlement(id.tenant));
});

// The last of its file: this server's clock stands still once a parent has left a child behind.
test('settlement gives an open campaign a run that has none', async () => {
  const id = { tenant: 'orphan', campaignId: '5' };
  const campaign = stage.ledger.ensure(id);
  await stage.announce(id, 30 * minuteMs);
  await settle(id.tenant);
  expect(await stage.result(workflowId.campaign(id))).toBe('decided');
  expect(campaign.phase).toBe('closed');
});

async function startSettlement(tenant: string): Promise<void> {
  await stage.start('settlement', { id: workflowId.settlement(tenant), args: [{ tenant }] });
}

async function settle(tenant: string): Promise<void> {
  await startSettlement(tenant);
  await stage.result(workflowId.settlement(tenant));
}
