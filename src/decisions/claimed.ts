import type { Claimable } from '../ledger/claims.ts';
import { busy, type Claim, type ClaimAnswer } from './claimable.ts';

/** A claim on its way through this process, until it has its one answer. */
export interface Claimed {
  tenant: string;
  claim: Claim;
  /** By the process's own clock: whoever is not answered by then is told to come again. */
  dueAt: number;
  /** Where its assignments live, as it goes into its pool. */
  places: readonly Claimable[];
  /** Somebody else brings it to its end; it is looked for until then. */
  waitsUntil: number | undefined;
  isAnswered: boolean;
  outcome: Promise<ClaimAnswer>;
  /** The first answer counts. */
  answer(answer: ClaimAnswer): void;
}

export function claimed(tenant: string, claim: Claim, budgetMs: number): Claimed {
  const { promise, resolve } = Promise.withResolvers<ClaimAnswer>();
  // Also where the ledger does not answer: the same claim may be sent again.
  const due = setTimeout(() => one.answer(busy), budgetMs);
  const one: Claimed = {
    ...{ tenant, claim },
    dueAt: performance.now() + budgetMs,
    places: [],
    waitsUntil: undefined,
    isAnswered: false,
    outcome: promise,
    answer(answer) {
      if (one.isAnswered) return;
      one.isAnswered = true;
      clearTimeout(due);
      resolve(answer);
    },
  };
  return one;
}

export function timeLeft({ dueAt }: Claimed): number {
  return dueAt - performance.now();
}
