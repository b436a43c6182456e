/**
 * Runs `work` over the items, at most `lanes` at a time, each lane taking the next in order. A lane
 * never throws: what an item comes to, failure included, is for `work` to say. No further item is
 * begun once there is `enough`.
 */
export async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
  enough: () => boolean = () => false,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (enough()) return;
      results.push(await work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
