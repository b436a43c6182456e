import type pg from 'pg';
import type { Rank, Turn, Turns } from '../world.ts';
import { createLane, type Lane } from './lane.ts';
import { answerSlot, pauseBucket, slotRequest, takeSlot, withdraw } from './window.ts';

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
