import type pg from 'pg';
import type { Rank, RateLimit, Turn } from '../world.ts';
import { createLane, type Lane } from './lane.ts';
import {
  answerSlot,
  pauseBucket,
  type SlotRequest,
  slotRequest,
  type Taken,
  takeSlot,
  withdraw,
} from './window.ts';

export interface Turns {
  /**
   * Waits for a turn and takes it with `take`, whose statement asks `take_slot` with the request it is
   * handed. Where there is no limit, `take` is called at once and without a request.
   *
   * Rejects with what `take` throws, or with the signal's reason; what a `take` under way took is
   * handed over all the same.
   */
  next<T>(
    limit: RateLimit | undefined,
    rank: Rank,
    take: (slot: SlotRequest | undefined) => Promise<Taken<T>>,
    signal: AbortSignal,
  ): Promise<T>;
  /** The far side answered 429 all the same: every process pauses. */
  pause(limit: RateLimit, forMs: number): Promise<void>;
  /** A turn of a call that only reads: its slot is taken by a statement of its own. */
  turn: Turn;
}

/** The turns of one process; all processes on the same ledger share the far sides' limits. */
export function createTurns(deps: { pool: pg.Pool; process?: string }): Turns {
  const { pool, process = crypto.randomUUID() } = deps;
  const lanes = new Map<string, Lane>();

  function laneOf(bucket: string, rankClass: Rank['class']): Lane {
    const name = `${rankClass} ${bucket}`;
    const known = lanes.get(name);
    if (known !== undefined) return known;
    const lane = createLane(() =>
      // A waiter that cannot be taken away expires by itself within a second.
      withdraw(pool, { bucket, process, class: rankClass }).catch(() => {}),
    );
    lanes.set(name, lane);
    return lane;
  }

  const next: Turns['next'] = (limit, rank, take, signal) => {
    // Nobody to queue with: a lane of its own only repeats what was told to come back.
    if (limit === undefined)
      return createLane(async () => {}).join(rank, () => take(undefined), signal);
    const request = slotRequest(limit, rank, process);
    return laneOf(limit.bucket, rank.class).join(rank, () => take(request), signal);
  };

  const turn: Turn = async (limit, rank, signal) => {
    const slot = await next(
      limit,
      rank,
      () => takeSlot(pool, slotRequest(limit, rank, process)),
      signal,
    );
    return {
      answered: () => answerSlot(pool, slot),
      pause: (forMs) => pauseBucket(pool, limit.bucket, forMs),
    };
  };

  return { next, pause: (limit, forMs) => pauseBucket(pool, limit.bucket, forMs), turn };
}
