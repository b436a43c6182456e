import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Debts } from '../activities/upkeep.ts';
import { sliceBatches } from '../domain/batching.ts';
import type { CampaignId } from '../domain/words.ts';
import { campaign } from './campaign.ts';
import { cancellation } from './cancellation.ts';
import { expiry } from './expiry.ts';
import { type FulfilmentStart, fulfilment } from './fulfilment.ts';
import { attributesOf, workflowId } from './ids.ts';
import { campaignChanged, kick } from './messages.ts';
import { ledger, upkeep } from './proxies.ts';

/**
 * A halted tenant's key is tried after pauses that grow from the first to the longest: a key that was
 * wrong for a moment costs a moment, one that stays wrong hardly a call.
 */
const firstProbeMs = 2_000;
const longestProbeMs = 30_000;

/** While redemptions are told, the other debts are looked for this often. */
const besidesMs = 5_000;

type Debt = Debts['unknown'][number];

/**
 * Pays a tenant's debts: checks that nobody answered, effects whose answers were lost, redemptions that are due, runs that died, a
 * key that was mended. Ends when no debt is left and nobody has kicked meanwhile.
 */
export async function settlement({ tenant }: { tenant: string }): Promise<void> {
  let kicked = false;
  let isRedeeming = false;
  let probeInMs = firstProbeMs;
  setHandler(kick, () => {
    kicked = true;
  });
  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(() => allHandlersFinished() && !isRedeeming);
      await continueAsNew<typeof settlement>({ tenant });
    }
    kicked = false;
    const debts = await ledger.debts({ tenant });
    // A halt keeps nobody from taking back, nor from refusing to give.
    for (const { campaignId, by } of debts.canceled) await startCancellation(campaignId, by);
    for (const campaignId of debts.ending ?? []) await startExpiry(campaignId);
    if (debts.unspread) await spread();
    if (debts.overdue) await ledger.answerOverdue({ tenant });
    let paid = 0;
    for (const debt of debts.pools) {
      const isFinished = await payTo(debt, upkeep.settlePool);
      if (isFinished) paid += 1;
    }
    if (debts.halted) {
      await sleep(probeInMs, { summary: 'until the key is tried again' });
      probeInMs = Math.min(probeInMs * 2, longestProbeMs);
      await tryKey();
      continue;
    }
    probeInMs = firstProbeMs;
    for (const campaignId of debts.open) await startCampaign(campaignId);
    for (const one of debts.executed ?? []) await startFulfilment({ tenant, ...one });
    for (const debt of debts.suppressions) await pay(debt, upkeep.settleSuppressions);
    for (const debt of debts.unknown.slice(0, sliceBatches)) {
      await pay(debt, upkeep.settleBatch);
    }
    // Redemptions give way to all else that the far sides are asked: nobody waits behind them here.
    if (!isRedeeming) void redeem(debts.redemptions);
    await condition(() => !isRedeeming || kicked, besidesMs, {
      summary: 'while redemptions are told',
    });
    // There may be more behind what was paid; what could not be paid waits for the next kick.
    if (isRedeeming || kicked || paid > 0) continue;
    if (debts.redemptionsWaitMs === null) return;
    await condition(() => kicked, debts.redemptionsWaitMs, {
      summary: 'until redemptions are due',
    });
  }

  /** Goes on beside the rounds; the last of it calls for another. */
  async function redeem(redemptions: readonly Debt[]): Promise<void> {
    isRedeeming = true;
    let isAnyPaid = false;
    for (const debt of redemptions) {
      if (workflowInfo().continueAsNewSuggested) break;
      const isPaid = await pay(debt, upkeep.redeemBatch);
      isAnyPaid ||= isPaid;
    }
    isRedeeming = false;
    kicked ||= isAnyPaid;
  }

  /** A debt that cannot be paid now must not keep the others waiting. */
  async function pay(debt: Debt, paying: (debt: Debt) => Promise<void>): Promise<boolean> {
    return payTo(debt, async (of) => {
      await paying(of);
      return true;
    });
  }

  async function payTo(debt: Debt, paying: (debt: Debt) => Promise<boolean>): Promise<boolean> {
    try {
      return await paying(debt);
    } catch (error) {
      log.warn('a debt could not be paid yet', { ...debt, error: String(error) });
      return false;
    }
  }

  async function tryKey(): Promise<void> {
    const { resumed, campaigns } = await upkeep.probe({ tenant });
    if (!resumed) return;
    for (const campaignId of campaigns) {
      const run = getExternalWorkflowHandle(workflowId.campaign({ tenant, campaignId }));
      await run.signal(campaignChanged).catch(() => log.info('no run to tell', { campaignId }));
    }
  }

  /** What it finds to settle is the next round's. */
  async function spread(): Promise<void> {
    const owing = await ledger.spreadSuppressions({ tenant });
    if (owing > 0) kicked = true;
  }

  /** A campaign that has its run already keeps it. */
  async function startCampaign(campaignId: string): Promise<void> {
    const id = { tenant, campaignId };
    try {
      await startChild(campaign, {
        ...runOf(id),
        workflowId: workflowId.campaign(id),
        args: [id],
      });
      log.warn('a campaign had no run and was given one', id);
    } catch {
      // "Already started" is the ordinary case.
    }
  }

  async function startFulfilment(id: FulfilmentStart): Promise<void> {
    try {
      await startChild(fulfilment, {
        ...runOf(id),
        workflowId: workflowId.fulfilment(id),
        args: [id],
      });
      log.warn('a fulfilment had no run and was given one', { ...id });
    } catch {
      // "Already started" is the ordinary case.
    }
  }

  /** It sleeps until the next pool ends; most of them have a run that does. */
  async function startExpiry(campaignId: string): Promise<void> {
    const id = { tenant, campaignId };
    try {
      await startChild(expiry, { ...runOf(id), workflowId: workflowId.expiry(id), args: [id] });
    } catch {
      // "Already started" is the ordinary case.
    }
  }

  async function startCancellation(campaignId: string, by: 'deleted' | 'operator'): Promise<void> {
    const id = { tenant, campaignId };
    try {
      await startChild(cancellation, {
        ...runOf(id),
        workflowId: workflowId.cancellation(id),
        args: [{ ...id, by }],
      });
      log.warn('a cancellation had no run and was given one', id);
    } catch {
      // "Already started" is the ordinary case.
    }
  }
}

function runOf(id: CampaignId) {
  return {
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowTaskTimeout: '2s',
    typedSearchAttributes: attributesOf(id),
  } as const;
}
