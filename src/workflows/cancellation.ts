import {
  continueAsNew,
  executeChild,
  getExternalWorkflowHandle,
  log,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { sliceBatches } from '../domain/batching.ts';
import type { CampaignId } from '../domain/words.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { inLanes } from './lanes.ts';
import { campaignFenced } from './messages.ts';
import { audience, ledger, upkeep } from './proxies.ts';
import { quiet } from './quiet.ts';
import { revocation } from './revocation.ts';

const lanes = 8;

/** Optimove is asked so often to hear of the falses before everything is taken back all the same. */
const roundsBefore = 3;
const pauseMs = 15_000;

export type CancellationStart = CampaignId & {
  /** Event 4's fence may have to be set yet, an operator's stands. */
  by?: 'deleted' | 'operator';
};

/**
 * A deleted campaign (event 4), or one that an operator canceled, takes back everything it gave. It has
 * been fenced, so nothing new leaves; once nothing can be on the wire any longer, an operator's cancel
 * tells Optimove false while it still counts, and every allocation is revoked. Running it again finds
 * nothing left to do.
 */
export async function cancellation(start: CancellationStart): Promise<string> {
  const id = { tenant: start.tenant, campaignId: start.campaignId };
  const told = tellRun(id);
  const fenced = await (start.by === 'operator' ? ledger.fenceOf(id) : ledger.fenceDeleted(id));
  const { ref } = fenced;
  await told;
  await tellFulfilments(id, ref);
  await quiet(ref);
  for (let { fence } = fenced; ; ) {
    if (fence === 'operator') {
      await withdraw(start, ref, roundsBefore);
      await takeBack(ref, 'operator');
      await withdraw(start, ref, Infinity);
    } else {
      // The list lives for two hours, and nobody whom it alone names was given anything: neither waits.
      await Promise.all([audience.collectCanceled({ ref }), takeBack(ref, 'canceled')]);
    }
    await ledger.lapse({ ref, reason: 'canceled' });
    const reason = fence === 'operator' ? 'canceled' : 'deleted';
    await ledger.closeCampaign({ ref, reason });
    // Event 4 may have come while an operator's cancel was carried out.
    const now = await ledger.fenceOf(id);
    if (now.fence === fence) return reason;
    ({ fence } = now);
  }
}

/** The run ends at once, without a look at the ledger, which may be away; there may be no run. */
async function tellRun(id: CampaignId): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId.campaign(id)).signal(campaignFenced);
  } catch {
    // The fence alone keeps a run that was not reached from doing anything.
  }
}

/** What waits for a lead time need not wait any longer. */
async function tellFulfilments(id: CampaignId, ref: number): Promise<void> {
  for (const channel of await ledger.openChannels({ ref })) {
    const run = getExternalWorkflowHandle(workflowId.fulfilment({ ...id, channel }));
    await run.signal(campaignFenced).catch(() => log.info('no run to tell', { channel }));
  }
}

async function takeBack(ref: number, reason: 'canceled' | 'operator'): Promise<void> {
  await executeChild(revocation, {
    typedSearchAttributes: inheritedAttributes(),
    workflowId: workflowId.revocation(workflowInfo().workflowId, reason),
    args: [{ ref, reason, lanes }],
    staticSummary: 'take back every allocation',
  });
}

/** Tells Optimove false of whoever was told true; nobody is left to tell after the last report. */
async function withdraw(start: CancellationStart, ref: number, rounds: number): Promise<void> {
  let before = Infinity;
  for (let round = 1; round <= rounds; round += 1) {
    const batches = await ledger.batchesToWithdraw({ ref });
    if (batches.length === 0) return;
    if (batches.length >= before) {
      await sleep(pauseMs, { summary: 'some could not be told false yet' });
    }
    before = batches.length;
    await inLanes(batches.slice(0, sliceBatches), lanes, async (batch) => {
      try {
        await upkeep.withdrawBatch({ ref, batch });
      } catch (error) {
        log.warn('a batch could not be told false yet', { batch, error: String(error) });
      }
    });
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof cancellation>(start);
  }
}
