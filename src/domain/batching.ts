/** At most this many customers travel together, with all their codes. */
export const batchCustomers = 10_000;

/** A slice is a child run over at most this many batches, so that no history grows long. */
export const sliceBatches = 50;

/** At most this many extra calls are spent on finding whom a far side refuses in one chunk. */
export const halvingCalls = 32;

/** Cuts a list into pieces of at most `size`, in order. */
export function cut<T>(list: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < list.length; start += size) {
    pieces.push(list.slice(start, start + size));
  }
  return pieces;
}

/** Two halves of a list of two or more. */
export function halve<T>(list: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}
