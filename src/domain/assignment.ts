/**
 * The three facts of an assignment, kept apart because they move apart: its state, what Optimove was
 * told of its customer (clearance), and whether Promotions was told of its activation (redemption).
 *
 * The ledger stores each value as its index in these lists: append, never reorder.
 */
export const states = [
  'targeted',
  'screened',
  'validated',
  'published',
  'allocated',
  'used',
  'expired',
  'screened_out',
  'refused',
  'declined',
  'lapsed',
  'revoked',
  'cleared',
  'moved',
] as const;
export type State = (typeof states)[number];

export const clearances = ['none', 'approved', 'denied', 'delegated', 'unknown'] as const;
export type Clearance = (typeof clearances)[number];

export const redemptions = ['none', 'queued', 'told'] as const;
export type Redemption = (typeof redemptions)[number];

export interface Facts {
  state: State;
  clearance: Clearance;
  redemption: Redemption;
}
export type Fact = keyof Facts;

/** What can happen to each fact. */
export interface Causes {
  state:
    | 'passed'
    | 'cleared'
    | 'screened_out'
    | 'published'
    | 'rewarded'
    | 'refused'
    | 'allocated'
    | 'declined'
    | 'lapsed'
    | 'moved'
    | 'reopened'
    | 'reopened_rewarded'
    | 'used'
    | 'expired'
    | 'revoked';
  clearance: 'told_true' | 'told_false' | 'asked' | 'delegated';
  redemption: 'queued' | 'told' | 'dropped';
}

type Moves<V extends string> = Partial<Record<V, V>>;

/** For each fact and cause: from which values it leads where. What is not written does not happen. */
export const transitions: { [F in Fact]: Record<Causes[F], Moves<Facts[F]>> } = {
  state: {
    passed: { targeted: 'screened' },
    cleared: { targeted: 'cleared' },
    screened_out: { targeted: 'screened_out' },
    published: { screened: 'published' },
    rewarded: { screened: 'validated', published: 'validated' },
    refused: { screened: 'refused', validated: 'refused', published: 'refused' },
    allocated: { screened: 'allocated', validated: 'allocated' },
    declined: { screened: 'declined', validated: 'declined' },
    lapsed: {
      targeted: 'lapsed',
      screened: 'lapsed',
      validated: 'lapsed',
      published: 'lapsed',
      cleared: 'lapsed',
    },
    // Its customer has claimed: the assignment lives on in the pool of the claim.
    moved: { screened: 'moved' },
    // A new epoch goes on where the old one stopped: a reward once answered is not asked for again.
    reopened: { lapsed: 'targeted' },
    reopened_rewarded: { lapsed: 'validated' },
    used: { allocated: 'used' },
    expired: { allocated: 'expired' },
    // Also from states that may hide an allocation whose answer was lost.
    revoked: {
      targeted: 'revoked',
      screened: 'revoked',
      validated: 'revoked',
      published: 'revoked',
      allocated: 'revoked',
      lapsed: 'revoked',
    },
  },
  clearance: {
    told_true: { none: 'approved', unknown: 'approved', denied: 'approved' },
    told_false: { none: 'denied', unknown: 'denied', approved: 'denied' },
    asked: { none: 'unknown', denied: 'unknown', approved: 'unknown' },
    // Somebody else tells Optimove, or has told it: the publisher, Promotions, or Optimove itself.
    delegated: { none: 'delegated' },
  },
  redemption: {
    queued: { none: 'queued' },
    told: { queued: 'told' },
    dropped: { queued: 'none' },
  },
};

/**
 * Where `cause` leads a fact that stands at `from`; undefined where the table forbids it, which a
 * writer skips: whoever came first was right.
 */
export function transition<F extends Fact>(
  fact: F,
  from: Facts[F],
  cause: Causes[F],
): Facts[F] | undefined {
  return transitions[fact][cause][from];
}

/** States in which the customer holds the reward (or passed, where nothing is given). */
export function isHeld(state: State): boolean {
  return state === 'allocated' || state === 'used' || state === 'cleared';
}

/** States that no stage before the execution will change again. */
export function isFinal(state: State): boolean {
  return !(state === 'targeted' || state === 'screened' || state === 'validated');
}
