import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/activities.ts';

/**
 * Every timeout of every activity, in one place, with its reason. Temporal is the one retry layer:
 * adapters and stages do not retry.
 */

/** A far side that is down is asked again soon at first, then every ten seconds, until it is too late. */
const patient = {
  initialInterval: '500ms',
  backoffCoefficient: 2,
  maximumInterval: '10s',
} as const;

/** The ledger is ours, and quick to answer: once it is back, a fence must stand before effects begin. */
const persistent = { ...patient, initialInterval: '200ms', maximumInterval: '1s' } as const;

/**
 * An activity beats every half second, also while it waits: a dead worker is noticed within two, and
 * the next one has the work a moment later. Three beats may be lost to a busy machine before that; an
 * attempt that is taken for dead begins nothing any more once the next has claimed the batch.
 */
const noticedWithin = '2s';

/** Asks or writes the ledger alone; longer means the database is stuck. */
export const ledger = proxyActivities<
  Pick<
    Activities,
    | 'openCampaign'
    | 'campaignStanding'
    | 'startPass'
    | 'leaveBatch'
    | 'forwardAliveFor'
    | 'fenceDeleted'
    | 'lapse'
    | 'closeCampaign'
    | 'batchesToRevoke'
    | 'nextExpiry'
    | 'debts'
    | 'releaseCampaign'
    | 'cancelCampaign'
    | 'fenceOf'
    | 'batchesToWithdraw'
    | 'spreadSuppressions'
    | 'answerOverdue'
    | 'hearGrants'
    | 'openFulfilment'
    | 'fulfilmentStanding'
    | 'markRead'
    | 'sentStanding'
    | 'settleSent'
    | 'noteWaking'
    | 'closeFulfilment'
    | 'openChannels'
    | 'dayBefore'
    | 'batchesToReconcile'
    | 'leaveBooks'
    | 'noteProblem'
    | 'endReconciliation'
  >
>({ startToCloseTimeout: '5 minutes', heartbeatTimeout: noticedWithin, retry: persistent });

/** Reads the audience, up to a thousand pages behind other work in the limiter. */
export const audience = proxyActivities<
  Pick<
    Activities,
    | 'collectAudience'
    | 'collectCanceled'
    | 'collectExecuted'
    | 'collectSent'
    | 'findExecuted'
    | 'beginReconciliation'
    | 'stageEnds'
    | 'stageEvidence'
  >
>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: noticedWithin,
  retry: patient,
});

/**
 * Walks a batch through a stage: up to three calls of 30 s each, and the wait for their turns, which
 * the deadline bounds. Safe to run twice: the ledger is asked before every effect.
 */
export const effects = proxyActivities<Pick<Activities, 'walkStage' | 'revokeBatch'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: noticedWithin,
  retry: patient,
});

/**
 * Pays one debt of many, behind everything that has a deadline. Given up after a few attempts, so that
 * a far side that is away does not keep the debts to the others waiting: settlement is kicked again
 * within a minute.
 */
export const upkeep = proxyActivities<
  Pick<
    Activities,
    | 'giveGrants'
    | 'reconcileBatches'
    | 'redeemBatch'
    | 'settleBatch'
    | 'settlePool'
    | 'settleSuppressions'
    | 'withdrawBatch'
    | 'probe'
  >
>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: noticedWithin,
  retry: { ...patient, maximumAttempts: 5 },
});
