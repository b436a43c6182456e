import { continueAsNew, executeChild, sleep, workflowInfo } from '@temporalio/workflow';
import type { CampaignId } from '../domain/words.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { ledger } from './proxies.ts';
import { revocation } from './revocation.ts';

const minuteMs = 60_000;
const lanes = 4;

/** Sleeps until the next rewards end, has them taken back, and looks whether any are left. */
export async function expiry(id: CampaignId): Promise<void> {
  for (;;) {
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof expiry>(id);
    const { ref, at } = await ledger.nextExpiry(id);
    if (at === null) return;
    const wakeAt = Math.ceil(at / minuteMs) * minuteMs;
    await sleep(Math.max(0, wakeAt - Date.now()), { summary: 'until the rewards end' });
    await executeChild(revocation, {
      typedSearchAttributes: inheritedAttributes(),
      workflowId: workflowId.revocation(workflowInfo().workflowId, 'expired'),
      args: [{ ref, reason: 'expired', lanes }],
      staticSummary: 'the rewards have ended',
    });
  }
}
