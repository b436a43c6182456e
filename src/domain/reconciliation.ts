import type { Clearance, Redemption } from './assignment.ts';
import { isHeld, type State } from './assignment.ts';
import type { CodesRule } from './clearance.ts';
import type { Flow } from './flow.ts';

/** What mends a difference: a call of ours, another fulfilment, or a person; `none` is listed alone. */
export const repairs = ['restore', 'revoke', 'expire', 'fulfil', 'person', 'none'] as const;
export type Repair = (typeof repairs)[number];

/**
 * What can differ between the far sides and the ledger, and what a person reads of it: what is so, and what to
 * do where no repair of ours mends it.
 */
export const verdicts = {
  used_but_revoked: {
    says: 'its customer has used it, and the ledger has taken it back',
    advice: 'decide whether the customer keeps it, and tell the platform',
  },
  allocated_twice: {
    says: 'it was given by two calls, or stands in the ledger twice',
    advice: 'one key gave it once at the platform: look there whether it did',
  },
  allocated_after_cancel: {
    says: 'its campaign was taken back, and the platform still holds it',
    advice: 'take it back at the platform',
  },
  expired_but_held: {
    says: 'it has ended, and the platform still holds it',
    advice: 'take it back at the platform',
  },
  ended_but_held: {
    says: 'Optimove says that its campaign has ended, and it is still held',
    advice: 'its own end is later: decide whether the customer keeps it until then',
  },
  revoked_at_platform: {
    says: 'the ledger has given it, and the platform has taken it back or declined it',
    advice: 'ask at the platform why; its key can give nothing any more',
  },
  used_not_held: {
    says: 'its customer has used it, and the platform does not know it',
    advice: 'ask at the platform; giving it again would give it twice',
  },
  approved_not_held: {
    says: 'its customer was approved, and does not hold it',
    advice: 'give it at the platform by hand: its own end is over',
  },
  held_not_approved: {
    says: 'it is held, and the ledger has not given it to an approved customer',
    advice: 'Optimove has sent it to its customer: decide whether he keeps it',
  },
  held_not_sent: {
    says: 'it is held by a customer to whom Optimove has not sent the campaign',
    advice: 'take it back at the platform',
  },
  redeemed_not_held: {
    says: 'Promotions was told that it is active, and it is not held',
    advice: 'have Promotions take the redemption out',
  },
  awarded_not_given: {
    says: 'Promotions has awarded it, and it was not given',
    advice: 'the ledger has refused it, and changes no refusal: give it at the platform by hand',
  },
  awarded_unknown: {
    says: 'Promotions has awarded it to a customer whom the ledger does not know',
    advice: 'ask in Promotions how the customer came into the campaign',
  },
  sent_not_approved: {
    says: 'Optimove has sent the campaign to a customer who was not approved',
    advice: 'ask Optimove; the customer was told of what he does not hold',
  },
  sent_not_held: {
    says: 'Optimove has sent the campaign to its customer, who does not hold it',
    advice:
      'nothing tells any more what to give, or its key is barred: give it at the platform by hand',
  },
  sent_unknown: {
    says: 'Optimove has sent the campaign to a customer whom the ledger does not know',
    advice: 'ask Optimove how the customer came into the campaign',
  },
  approval_unknown: {
    says: 'whether Optimove has heard the approval is not known a day after the deadline',
    advice: 'see whether event 13 came; it settles what was sent',
  },
  end_unknown: {
    says: 'it has ended, and Optimove does not list its end on that day',
    advice: 'nothing needs to be done',
  },
} as const satisfies Record<string, { says: string; advice: string }>;
export type Verdict = keyof typeof verdicts;

/** How a whole campaign stands when its books are looked at. */
export interface Books {
  flow: Flow;
  codes: CodesRule;
  isFenced: boolean;
  /** Rewards are claimed: whoever is approved holds nothing before that. */
  isClaimed: boolean;
  notSent: 'list' | 'revoke';
  /** Every channel has told whom it was sent. */
  isSentKnown: boolean;
  /** How long ago the deadline was, milliseconds; negative while it is to come. */
  deadlineAgoMs: number;
}

/** What the ledger and the far sides say of one assignment; undefined where a far side was not asked. */
export interface Entry {
  state: State;
  clearance: Clearance;
  redemption: Redemption;
  reason: string | undefined;
  /** What is to be given is known. */
  hasReward: boolean;
  /** How long ago what was given has ended, milliseconds; negative while it is to come. */
  endedAgoMs: number;
  platform: 'allocated' | 'declined' | 'revoked' | 'unknown' | undefined;
  isSent: boolean | undefined;
  isAwarded: boolean | undefined;
  /** Optimove lists its customer's campaign as ended that day. */
  isEnded: boolean | undefined;
  /** The platform has reported a use. */
  isUsed: boolean;
  /** Given by two calls under one key, or standing twice under two. */
  twice: 'one_key' | 'two_keys' | undefined;
  /** Any one code is enough, and its customer holds another. */
  isCovered: boolean;
}

export interface Judgement {
  verdict: Verdict;
  repair: Repair;
}

const dayMs = 86_400_000;
/** Expiry takes its minutes. */
const expiredWithinMs = 3_600_000;

/** States in which an assignment never held anything, or is not said to. */
const neverHeld: readonly State[] = [
  ...(['targeted', 'screened', 'validated', 'published'] as const),
  ...(['screened_out', 'refused', 'declined', 'lapsed'] as const),
];

/** Whom a lapse for these reasons leaves without a reward was decided, not forgotten. */
const decided = ['suppressed', 'another_code_was_refused', 'unclaimed', 'operator', 'canceled'];

/** What is wrong with one assignment, the gravest first, and what mends it; undefined: nothing. */
export function judge(entry: Entry, books: Books): Judgement | undefined {
  const { state } = entry;
  if (state === 'moved' || state === 'cleared') return undefined;
  if (entry.isUsed && (state === 'revoked' || state === 'expired'))
    return byPerson('used_but_revoked');
  if (books.isFenced) {
    const isLeft = entry.platform === 'allocated' && state !== 'used';
    return isLeft ? { verdict: 'allocated_after_cancel', repair: 'revoke' } : undefined;
  }
  if (entry.twice) {
    const isSurplus = entry.twice === 'two_keys' && state === 'allocated';
    if (isSurplus) return { verdict: 'allocated_twice', repair: 'revoke' };
    if (entry.twice === 'one_key') return byPerson('allocated_twice');
  }
  return judgeHeld(entry, books) ?? judgeTold(entry, books);
}

/** Where the ledger, or the platform, says that it is held. */
function judgeHeld(entry: Entry, books: Books): Judgement | undefined {
  const { state, clearance, platform, endedAgoMs } = entry;
  const isGone = platform === 'revoked' || platform === 'declined';
  if (state === 'used') return platform === 'unknown' ? byPerson('used_not_held') : undefined;
  if (state === 'expired') {
    if (platform === 'allocated') return { verdict: 'expired_but_held', repair: 'expire' };
    return undefined;
  }
  if (state !== 'allocated') {
    if (platform !== 'allocated') return undefined;
    const isUnwritten = (state === 'screened' || state === 'validated') && clearance === 'approved';
    return isUnwritten && entry.hasReward
      ? { verdict: 'approved_not_held', repair: 'restore' }
      : heldNotApproved(entry);
  }
  if (isGone) return byPerson('revoked_at_platform');
  if (endedAgoMs > expiredWithinMs) return { verdict: 'expired_but_held', repair: 'expire' };
  if (entry.isEnded === true) {
    return { verdict: 'ended_but_held', repair: endedAgoMs > 0 ? 'expire' : 'person' };
  }
  if (clearance === 'none' || clearance === 'denied') return heldNotApproved(entry);
  const mayBeTold = books.notSent === 'list' && books.isSentKnown && books.flow === 'managed';
  if (mayBeTold && clearance === 'approved' && entry.isSent === false) {
    return { verdict: 'held_not_sent', repair: 'revoke' };
  }
  if (platform === 'unknown') {
    return { verdict: 'approved_not_held', repair: endedAgoMs < 0 ? 'restore' : 'person' };
  }
  return undefined;
}

/** Whoever was told of what he holds does not lose it without a person. */
function heldNotApproved({ isSent }: Entry): Judgement {
  return { verdict: 'held_not_approved', repair: isSent === true ? 'person' : 'revoke' };
}

/** Where somebody was told of it, and nobody holds it. */
function judgeTold(entry: Entry, books: Books): Judgement | undefined {
  const { state, clearance, redemption, isSent } = entry;
  if (redemption === 'told' && neverHeld.includes(state)) return byPerson('redeemed_not_held');
  const given = judgeAwarded(entry, books) ?? judgeSent(entry, books);
  if (given) return given;
  if (clearance === 'unknown' && books.deadlineAgoMs > dayMs) return byPerson('approval_unknown');
  if (state === 'expired' && entry.isEnded === false && isSent === true) {
    return { verdict: 'end_unknown', repair: 'none' };
  }
  return undefined;
}

function judgeAwarded(entry: Entry, { flow }: Books): Judgement | undefined {
  const { state, reason } = entry;
  if (entry.isAwarded !== true || entry.isSent === false) return undefined;
  if (flow !== 'publisher' && flow !== 'automatic') return undefined;
  if (state === 'refused' && reason === 'not_awarded') return byPerson('awarded_not_given');
  const isWaiting = state === 'published' || state === 'screened' || state === 'targeted';
  return isWaiting ? { verdict: 'awarded_not_given', repair: 'fulfil' } : undefined;
}

function judgeSent(entry: Entry, books: Books): Judgement | undefined {
  const { state, clearance, reason } = entry;
  if (entry.isSent !== true || books.isClaimed || entry.isCovered || isHeld(state))
    return undefined;
  if (books.flow === 'managed' && (clearance === 'denied' || clearance === 'none')) {
    return byPerson('sent_not_approved');
  }
  const isPromised = clearance === 'approved' || books.flow === 'executions';
  if (!isPromised || decided.includes(reason ?? '')) return undefined;
  switch (state) {
    case 'screened':
    case 'validated':
    case 'lapsed': {
      const isKnown = entry.hasReward && clearance === 'approved' && entry.endedAgoMs < 0;
      return { verdict: 'sent_not_held', repair: isKnown ? 'restore' : 'person' };
    }
    case 'targeted':
    case 'revoked':
      return byPerson('sent_not_held');
    default:
      return undefined;
  }
}

/** What mends it that a far side names a customer whom the ledger does not know. */
export function repairOfStranger(verdict: 'awarded_unknown' | 'sent_unknown', flow: Flow): Repair {
  const isGivenThen = verdict === 'awarded_unknown' ? 'automatic' : 'executions';
  return flow === isGivenThen ? 'fulfil' : 'person';
}

/** Whether it means anything that Optimove has sent a campaign to somebody whom the ledger does not know. */
export function countsStrangers(flow: Flow): boolean {
  return flow !== 'automatic';
}

function byPerson(verdict: Verdict): Judgement {
  return { verdict, repair: 'person' };
}
