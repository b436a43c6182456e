import { createOdds } from '../whole/odds.ts';

/** Choices that a seed repeats. */
export function createPicks(seed: number) {
  const odds = createOdds(seed);
  return {
    /** A whole number, both ends included. */
    between: (least: number, most: number): number => least + odds.below(most - least + 1),
    chance: (share: number): boolean => odds.below(1_000_000) < share * 1_000_000,
    of<const T>(choices: readonly [T, ...T[]]): T {
      return choices[odds.below(choices.length)] ?? choices[0];
    },
  };
}

export type Picks = ReturnType<typeof createPicks>;
