/**
 * Who goes first where a far side limits its requests. The ledger's `take_slot` orders the waiters of
 * different processes by the same rules; a test compares the two.
 */
import type { Rank } from '../world.ts';

/** While both classes wait in a spaced bucket, interactive takes at most this many of five. */
export const interactiveOfFive = 4;

/** Negative where `a` goes before `b`: interactive, then the earlier deadline, then the later stage. */
export function compareRanks(a: Rank, b: Rank, first: Rank['class'] = 'interactive'): number {
  if (a.class !== b.class) return a.class === first ? -1 : 1;
  // Not subtracted: two waiters without a deadline (Infinity) are equal.
  if (a.deadline !== b.deadline) return a.deadline < b.deadline ? -1 : 1;
  return b.stage - a.stage;
}

/** Which class goes first after `streak` interactive grants in succession while bulk waited. */
export function firstClass(spaced: boolean, streak: number): Rank['class'] {
  return spaced && streak >= interactiveOfFive ? 'bulk' : 'interactive';
}

/** The streak after a grant; `bulkWaits` is whether bulk was left waiting. */
export function streakAfter(streak: number, granted: Rank['class'], bulkWaits: boolean): number {
  if (granted === 'bulk') return 0;
  return bulkWaits ? Math.min(streak + 1, interactiveOfFive) : streak;
}

/** The waiter who goes next; among equals the one who came first. */
export function nextWaiter<W extends { rank: Rank }>(
  waiters: readonly W[],
  first: Rank['class'],
): W | undefined {
  return waiters.reduce<W | undefined>(
    (best, one) =>
      best === undefined || compareRanks(one.rank, best.rank, first) < 0 ? one : best,
    undefined,
  );
}
