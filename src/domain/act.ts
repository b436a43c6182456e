import type { CampaignId } from './words.ts';

/** Who acts as an operator, and why: kept in the audit with the act. */
export interface Acting {
  /** The name of the operator key. */
  by: string;
  reason: string;
  /** The request's own id: repeated under it, an act is the same act. */
  request: string;
}

/** Why an operator's act was not done; the ledger decides, instants in epoch milliseconds. */
export type Refusal =
  /** The campaign was never announced. */
  | { why: 'unknown' }
  /** Its event 5 has no usable deadline: nothing of it can begin. */
  | { why: 'unusable' }
  | { why: 'deleted' }
  | { why: 'canceled' }
  | { why: 'closed' }
  /** Nothing more is given since then. */
  | { why: 'stopped'; since: number }
  /** Nothing more is reported since then, and so many customers have been told true. */
  | { why: 'told'; since: number; customers: number }
  | { why: 'held'; reason: string }
  | { why: 'not_held' }
  /** A guard holds it: only a key that may approve releases it. */
  | { why: 'guarded'; reason: string };

/** What an operator asks of the run of a campaign: to go on after a hold. */
export interface Releasing extends Acting {
  /** Whether the key may release what a guard holds. */
  approves: boolean;
}

/** Who asked for the end of a campaign by Temporal's own buttons. */
export const webUi = 'Temporal';

export interface Cancelling extends CampaignId, Acting {
  /** Also when customers have been told, and cannot be told otherwise any more. */
  force: boolean;
}
