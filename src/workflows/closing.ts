import { executeChild, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { CampaignId } from '../domain/words.ts';
import { expiry } from './expiry.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import type { createProgress } from './progress.ts';
import { ledger } from './proxies.ts';
import { quiet } from './quiet.ts';
import { revocation } from './revocation.ts';

/** Takes back what was given and not approved, once nothing can be on the wire any longer. */
export async function takeBack(ref: number, lanes: number): Promise<void> {
  await quiet(ref);
  await executeChild(revocation, {
    typedSearchAttributes: inheritedAttributes(),
    workflowId: workflowId.revocation(workflowInfo().workflowId, 'deadline'),
    args: [{ ref, reason: 'deadline', lanes }],
    staticSummary: 'take back what was given and not approved',
  });
}

/** Ends a campaign with its summary; what it gave is left to the expiry. */
export async function close(
  id: CampaignId,
  ref: number,
  reason: string,
  progress: ReturnType<typeof createProgress>,
): Promise<string> {
  await ledger.lapse({ ref, reason: reason === 'decided' ? 'failed' : reason });
  const summary = await ledger.closeCampaign({ ref, reason });
  progress.closed(summary);
  // Where rewards are claimed, who was approved has passed the screen, and holds nothing yet.
  const held = (summary.states['allocated'] ?? 0) + (summary.states['screened'] ?? 0);
  if (held > 0) await leaveExpiryBehind(id);
  return reason;
}

/** Sleeps until the rewards end; it outlives whoever leaves it behind. */
export async function leaveExpiryBehind({ tenant, campaignId }: CampaignId): Promise<void> {
  const id = { tenant, campaignId };
  try {
    await startChild(expiry, {
      typedSearchAttributes: inheritedAttributes(),
      workflowId: workflowId.expiry(id),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowTaskTimeout: '10s',
      args: [id],
      staticSummary: 'the end of the rewards',
    });
  } catch {
    // "Already started": an earlier run of a campaign that was opened again has left it behind.
  }
}
