import type { Redemption, State } from './assignment.ts';
import type { Reward } from './words.ts';

/** What the platform says of one reward: its customer has used it. */
export interface Use {
  campaignId: string;
  customerId: string;
  promoCode: string;
  /** Epoch milliseconds. */
  usedAt: number;
  /** The platform's own name of it. */
  redemptionId?: string;
  /** What was used of it, where that is not what was given. */
  rewards?: Reward[];
  code?: string;
}

/**
 * What a report of a use is answered.
 *
 * accepted      it is written down, and Promotions will be told, where there is Promotions
 * already_told  it is written down; Promotions has been told when the reward was given, or will be
 * already_used  the same reward was reported before
 * pending       it is not known yet whether the reward was given: the report is to come again
 */
export const useAnswers = [
  'accepted',
  'already_told',
  'already_used',
  'pending',
  'not_allocated',
  'revoked',
  'expired',
  'unknown_campaign',
  'unknown_customer',
  'unknown_code',
] as const;
export type UseAnswer = (typeof useAnswers)[number];

/** An assignment that a report may be about. */
export interface UsePlace {
  state: State;
  redemption: Redemption;
  /** Its allocation has not been answered yet. */
  isAwaited: boolean;
  /** What was reported of it before. */
  use: { usedAt: number; redemptionId?: string | undefined } | undefined;
}

/**
 * Which of a customer's assignments of one code is reported as used, the oldest trigger first: the one that was
 * reported in the same words before, else the oldest that he holds, else the latest. Undefined where there is none.
 */
export function placeUsed<P extends UsePlace>(use: Use, places: readonly P[]): P | undefined {
  return (
    places.find((place) => isSame(use, place.use)) ??
    places.find(({ state }) => state === 'allocated') ??
    places.at(-1)
  );
}

/** Where either has no name, it is told by its instant. */
function isSame(use: Use, known: UsePlace['use']): boolean {
  if (known === undefined) return false;
  return use.redemptionId === undefined || known.redemptionId === undefined
    ? use.usedAt === known.usedAt
    : use.redemptionId === known.redemptionId;
}

/** What the report of a use is answered, by how its assignment stands; `used` follows on the first two answers. */
export function answerUse({ state, redemption, isAwaited }: UsePlace): UseAnswer {
  switch (state) {
    case 'allocated':
      return redemption === 'none' ? 'accepted' : 'already_told';
    case 'used':
      return 'already_used';
    case 'revoked':
    case 'expired':
      return state;
    case 'moved':
      // Its customer claims at this moment.
      return 'pending';
    default:
      return isAwaited ? 'pending' : 'not_allocated';
  }
}
