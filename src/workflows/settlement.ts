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
import { sliceBatches } from '../domain/batching.ts';
import { campaign } from './campaign.ts';
import { workflowId } from './ids.ts';
import { campaignChanged, kick } from './messages.ts';
import { effects, ledger } from './proxies.ts';

/** A halted tenant's key is tried this often: work goes on soon after it was mended. */
const probeEveryMs = 30_000;

/**
 * Pays a tenant's debts: effects whose answers were lost, redemptions that are due, runs that died, a
 * key that was mended. Ends when no debt is left and nobody has kicked meanwhile.
 */
export async function settlement({ tenant }: { tenant: string }): Promise<void> {
  let kicked = false;
  setHandler(kick, () => {
    kicked = true;
  });
  for (;;) {
    kicked = false;
    let debts = await ledger.debts({ tenant });
    while (debts.halted) {
      await sleep(probeEveryMs, { summary: 'until the key is tried again' });
      await tryKey();
      debts = await ledger.debts({ tenant });
    }
    for (const campaignId of debts.open) await startRun(campaignId);
    for (const debt of debts.unknown.slice(0, sliceBatches)) await effects.settleBatch(debt);
    for (const debt of debts.redemptions) await effects.redeemBatch(debt);
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof settlement>({ tenant });
    }
    if (kicked || debts.redemptions.length > 0) continue;
    if (debts.redemptionsWaitMs === null) return;
    await condition(() => kicked, debts.redemptionsWaitMs, {
      summary: 'until redemptions are due',
    });
  }

  async function tryKey(): Promise<void> {
    const { resumed, campaigns } = await effects.probe({ tenant });
    if (!resumed) return;
    for (const campaignId of campaigns) {
      const run = getExternalWorkflowHandle(workflowId.campaign({ tenant, campaignId }));
      await run.signal(campaignChanged).catch(() => log.info('no run to tell', { campaignId }));
    }
  }

  /** A campaign that has its run already keeps it. */
  async function startRun(campaignId: string): Promise<void> {
    const id = { tenant, campaignId };
    try {
      await startChild(campaign, {
        workflowId: workflowId.campaign(id),
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: '2s',
        args: [id],
      });
      log.warn('an open campaign had no run and was given one', id);
    } catch {
      // "Already started" is the ordinary case.
    }
  }
}
