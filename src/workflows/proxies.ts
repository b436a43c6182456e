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

/** Asks or writes the ledger alone; longer means the database is stuck. */
export const ledger = proxyActivities<
  Pick<
    Activities,
    | 'openCampaign'
    | 'campaignStanding'
    | 'startPass'
    | 'forwardAliveFor'
    | 'fenceDeleted'
    | 'lapse'
    | 'closeCampaign'
    | 'leaveBatch'
    | 'batchesToRevoke'
    | 'nextExpiry'
    | 'debts'
  >
>({ startToCloseTimeout: '5 minutes', retry: patient });

/**
 * Reads the audience, up to a thousand pages behind other work in the limiter. The heartbeat comes
 * every 2 s also while it waits, so that a dead worker is noticed within 5 s.
 */
export const audience = proxyActivities<Pick<Activities, 'collectAudience' | 'collectCanceled'>>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '5s',
  retry: patient,
});

/**
 * Walks a batch through a stage: up to three calls of 30 s each, and the wait for their turns, which
 * the deadline bounds. Safe to run twice: the ledger is asked before every effect.
 */
export const effects = proxyActivities<Pick<Activities, 'walkStage' | 'revokeBatch'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '5s',
  retry: patient,
});

/**
 * Pays one debt of many, behind everything that has a deadline. Given up after a few attempts, so that
 * a far side that is away does not keep the debts to the others waiting: settlement is kicked again
 * within a minute.
 */
export const upkeep = proxyActivities<Pick<Activities, 'redeemBatch' | 'settleBatch' | 'probe'>>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '5s',
  retry: { ...patient, maximumAttempts: 5 },
});
