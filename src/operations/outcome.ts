import { randomUUID } from 'node:crypto';
import type { Acting, Refusal } from '../domain/act.ts';
import type { CampaignId } from '../domain/words.ts';

/** Whoever acts: an operator key's name, and what its role allows. */
export interface Operator {
  name: string;
  /** Releases what a guard holds, and cancels with force. */
  approves: boolean;
}

/** One act of an operator, with an id of its own. */
export function sign({ name }: Operator, reason: string): Acting {
  return { by: name, reason, request: randomUUID() };
}

/** What became of an operator's act, in words for the operator. */
export type Outcome =
  | { done: true; note: string }
  /** HTTP's word for it: not allowed, not there, not as things stand, or not now. */
  | { done: false; status: 403 | 404 | 409 | 503; sentence: string };

export function refused(refusal: Refusal, id: CampaignId): Outcome {
  const campaign = `Campaign ${id.campaignId}`;
  const no = (status: 403 | 404 | 409, sentence: string): Outcome => ({
    done: false,
    status,
    sentence,
  });
  switch (refusal.why) {
    case 'unknown':
      return no(404, `${id.tenant} has no campaign of this id.`);
    case 'unusable':
      return no(409, `${campaign} cannot begin: its event 5 has no deadline we can use.`);
    case 'deleted':
      return no(409, `${campaign} was deleted (event 4): everything is taken back.`);
    case 'canceled':
      return no(409, `${campaign} was canceled by an operator: everything is taken back.`);
    case 'closed':
      return no(409, `${campaign} is over: nothing of it is left to hold or to release.`);
    case 'stopped':
      return no(
        409,
        `It is too late: nothing of ${lower(campaign)} is given since ${at(refusal.since)}.`,
      );
    case 'told':
      return no(
        409,
        `It is too late: nothing can be reported since ${at(refusal.since)}, and ${refusal.customers} ` +
          'customers were told true. With force they stay told, and what they were given is taken back.',
      );
    case 'held':
      return no(409, `${campaign} is held already: ${refusal.reason}.`);
    case 'not_held':
      return no(409, `${campaign} is not held.`);
    case 'guarded':
      return no(
        403,
        `A guard holds ${lower(campaign)} (${refusal.reason}): a key with the role approve releases it.`,
      );
  }
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** An instant, to the second, in universal time. */
function at(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** Temporal, or every worker, is away; what was asked for was not done, or not yet. */
export function away(sentence: string): Outcome {
  return { done: false, status: 503, sentence };
}
