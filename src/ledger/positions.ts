/** Positions as Postgres writes a multirange: few characters where members stand side by side. */
export function multirange(positions: readonly number[]): string {
  // Nearly always they come in the batch's order.
  const isSorted = positions.every((position, index) => position >= (positions[index - 1] ?? 0));
  const sorted = isSorted ? positions : [...positions].sort((a, b) => a - b);
  const ranges: string[] = [];
  let from: number | undefined;
  let last = 0;
  for (const position of sorted) {
    if (from !== undefined && position > last + 1) {
      ranges.push(`[${from},${last + 1})`);
      from = undefined;
    }
    from ??= position;
    last = position;
  }
  if (from !== undefined) ranges.push(`[${from},${last + 1})`);
  return `{${ranges.join(',')}}`;
}

/** The positions of a multirange as Postgres writes it. */
export function positionsOf(text: string): number[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].flatMap(([, from, to]) =>
    Array.from({ length: Number(to) - Number(from) }, (_, index) => Number(from) + index),
  );
}
