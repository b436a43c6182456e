/**
 * Runs `work` over the items, at most `lanes` at a time, each lane taking the next in order. A lane
 * never throws: what an item comes to, failure included, is for `work` to say.
 */
export async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
  enough: () => boolean = () => false,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && !enough()) {
      const item = items[next] as T;
      next += 1;
      results.push(await work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
