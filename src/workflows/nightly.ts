import { type ChildWorkflowHandle, startChild } from '@temporalio/workflow';
import { attributesOf, workflowId } from './ids.ts';
import { ledger } from './proxies.ts';
import { reconciliation } from './reconciliation.ts';

/**
 * Reconciles the day before. A schedule runs it every night; it repairs nothing, and what differs is told to a
 * person.
 */
export async function nightly({ tenant }: { tenant: string }): Promise<void> {
  const date = await ledger.dayBefore({ tenant });
  let run: ChildWorkflowHandle<typeof reconciliation>;
  try {
    run = await startChild(reconciliation, {
      workflowId: workflowId.reconciliation(tenant, date),
      args: [{ tenant, date, isNightly: true }],
      typedSearchAttributes: attributesOf({ tenant }),
      staticSummary: `Reconciles ${date} of ${tenant}`,
    });
  } catch {
    // "Already started": somebody reconciles that day by hand, and the alert follows on what is found.
    return;
  }
  await run.result();
}
