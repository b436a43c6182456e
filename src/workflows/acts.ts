import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import type { Opened } from '../activities/campaign.ts';
import { webUi } from '../domain/act.ts';
import type { CampaignId } from '../domain/words.ts';
import { cancellation } from './cancellation.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { release, retry } from './messages.ts';
import { ledger } from './proxies.ts';

/** What a campaign's run knows of itself when an operator asks something of it. */
export interface RunState {
  /** The ledger says something new, which the run has not read yet. */
  changed: boolean;
  /** Undefined until the run has looked. */
  held: boolean | undefined;
  opening: Opened['opening'] | undefined;
  /** The request of the retry that started this run. */
  retry: string | undefined;
}

/**
 * Answers the operators' updates. What the run surely knows refuses them at once; the ledger has the
 * last word, and the run goes on by what it says.
 */
export function answerOperators({ tenant, campaignId }: CampaignId, run: RunState): void {
  setHandler(
    release,
    async (releasing) => {
      const refused = await ledger.releaseCampaign({ tenant, campaignId, ...releasing });
      run.changed = true;
      return refused;
    },
    {
      validator(_releasing) {
        if (run.held === false && !run.changed)
          throw refusal(`Campaign ${campaignId} is not held.`);
      },
    },
  );
  setHandler(
    retry,
    async () => {
      await condition(() => run.opening !== undefined);
      return run.opening ?? 'resumed';
    },
    {
      // The run that a retry starts answers it; any other was running before.
      validator(acting) {
        if (run.retry !== acting.request) {
          throw refusal(`Campaign ${campaignId} is still running: there is nothing to retry.`);
        }
      },
    },
  );
}

function refusal(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'Refused');
}

/** Whether this run itself was asked to end, not one of its children. */
export function isEndedByButton(error: unknown): boolean {
  return isCancellation(error) && CancellationScope.current().consideredCancelled;
}

/**
 * Temporal's own Cancel means an operator's cancel, with force: the fence first, then the cancellation
 * story, which outlives this run.
 */
export function cancelByButton({ tenant, campaignId }: CampaignId): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const id = { tenant, campaignId };
    const reason = 'its run was canceled in Temporal';
    const asked = { ...id, by: webUi, reason, request: uuid4(), force: true };
    const refused = await ledger.cancelCampaign(asked);
    if (refused?.why === 'unknown') return;
    try {
      await startChild(cancellation, {
        typedSearchAttributes: inheritedAttributes(),
        workflowId: workflowId.cancellation(id),
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: '2s',
        args: [{ ...id, by: 'operator' }],
        staticSummary: 'take everything back',
      });
    } catch {
      // "Already started": event 4, or an operator, was quicker.
    }
  });
}
