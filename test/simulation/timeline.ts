export type Timeline = ReturnType<typeof createTimeline>;

interface Moment {
  at: number;
  order: number;
  act: () => void;
  key: string | undefined;
}

/** Virtual time: it jumps from one thing that is due to the next. Epoch milliseconds. */
export function createTimeline(start: number) {
  let now = start;
  let order = 0;
  const moments: Moment[] = [];

  function at(when: number, act: () => void, { key }: { key?: string } = {}): void {
    order += 1;
    const moment = { at: Math.max(when, now), order, act, key };
    const after = moments.findIndex((other) => other.at > moment.at);
    moments.splice(after === -1 ? moments.length : after, 0, moment);
  }

  return {
    now: () => now,
    at,
    /** Forgets what was to happen under this key. */
    drop(key: string): void {
      const index = moments.findIndex((moment) => moment.key === key);
      if (index >= 0) moments.splice(index, 1);
    },
    /** Resolves when so much time has passed. */
    pass: (ms: number): Promise<void> =>
      ms > 0 ? new Promise((resolve) => at(now + ms, resolve)) : Promise.resolve(),
    /** Goes to the next thing that is due; false when there is none. */
    next(): boolean {
      const moment = moments.shift();
      if (!moment) return false;
      now = moment.at;
      moment.act();
      return true;
    },
  };
}
