import { executeChild, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { CampaignId } from '../domain/words.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { campaignChanged } from './messages.ts';
import { audience, ledger } from './proxies.ts';
import { quiet } from './quiet.ts';
import { revocation } from './revocation.ts';

const lanes = 8;

/**
 * A deleted campaign (event 4) takes back everything it gave. The gateway has fenced it, so nothing new
 * leaves; once nothing can be on the wire any longer, every allocation is revoked. Running it again
 * finds nothing left to do.
 */
export async function cancellation(id: CampaignId): Promise<string> {
  const { ref } = await ledger.fenceDeleted(id);
  await tellRun(id);
  await quiet(ref);
  await audience.collectCanceled({ ref });
  await executeChild(revocation, {
    typedSearchAttributes: inheritedAttributes(),
    workflowId: workflowId.revocation(workflowInfo().workflowId, 'canceled'),
    args: [{ ref, reason: 'canceled', lanes }],
    staticSummary: 'take back every allocation',
  });
  await ledger.lapse({ ref, reason: 'canceled' });
  await ledger.closeCampaign({ ref, reason: 'deleted' });
  return 'deleted';
}

/** The run looks at the ledger and ends. There may be none: the campaign is over, or never began. */
async function tellRun(id: CampaignId): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowId.campaign(id)).signal(campaignChanged);
  } catch {
    // The fence alone keeps a run that was not reached from doing anything.
  }
}
