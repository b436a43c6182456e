/** Random numbers that a seed repeats (mulberry32). */
export function createOdds(seed: number) {
  let state = seed;
  return {
    /** A whole number from 0 to `limit` - 1. */
    below(limit: number): number {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
    },
  };
}
