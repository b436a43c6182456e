let count = 0;

/** Counts its runs in a variable of its module: 1 for ever, where runs share nothing. */
export async function counter(): Promise<number> {
  count += 1;
  return count;
}
