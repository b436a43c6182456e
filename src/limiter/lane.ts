import type { Rank, Taken } from '../world.ts';
import { compareRanks } from './order.ts';

/** Longest wait between two attempts: a waiter's row in the ledger lives a second. */
const longestWaitMs = 500;

interface Waiter {
  rank: Rank;
  /** Resolves to when to come back, or to undefined once it is granted, failed or given up. */
  attempt(): Promise<number | undefined>;
}

export interface Lane {
  /**
   * Resolves to what `take` took, when its turn came. Rejects with what `take` threw, or with the
   * signal's reason; an attempt under way is never torn off, and what it took is handed over.
   */
  join<T>(rank: Rank, take: () => Promise<Taken<T>>, signal: AbortSignal): Promise<T>;
}

/**
 * The waiters of one class for one bucket in this process, in rank order. Only the best one asks, one
 * attempt at a time: the others could but be told to let it go first. `leave` is called when
 * the lane falls empty after somebody had to wait, which the ledger may still remember.
 */
export function createLane(leave: () => Promise<void>): Lane {
  const waiting: Waiter[] = [];
  let running = false;
  let wake = () => {};

  function enter(waiter: Waiter): void {
    const place = waiting.findIndex((one) => compareRanks(waiter.rank, one.rank) < 0);
    waiting.splice(place < 0 ? waiting.length : place, 0, waiter);
    if (waiting[0] === waiter) wake();
    if (!running) void run();
  }

  function remove(waiter: Waiter): void {
    const best = waiting[0] === waiter;
    waiting.splice(waiting.indexOf(waiter), 1);
    if (best) wake();
  }

  async function run(): Promise<void> {
    running = true;
    let waited = false;
    for (let best = waiting[0]; best !== undefined; best = waiting[0]) {
      const retryInMs = await best.attempt();
      if (retryInMs === undefined) continue;
      waited = true;
      if (waiting[0] === best) await pause(retryInMs);
    }
    running = false;
    if (waited) await leave();
  }

  function pause(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(forMs, 1), longestWaitMs));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function join<T>(rank: Rank, take: () => Promise<Taken<T>>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      let asking = false;
      const finish = () => {
        signal.removeEventListener('abort', onAbort);
        remove(waiter);
      };
      const giveUp = () => {
        finish();
        reject(signal.reason);
      };
      const onAbort = () => {
        if (!asking) giveUp();
      };
      const waiter: Waiter = {
        rank,
        async attempt() {
          asking = true;
          try {
            const taken = await take();
            if (!taken.taken && !signal.aborted) return taken.retryInMs;
            if (!taken.taken) giveUp();
            else {
              finish();
              resolve(taken.value);
            }
          } catch (error) {
            finish();
            reject(error);
          } finally {
            asking = false;
          }
          return undefined;
        },
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      enter(waiter);
    });
  }

  return { join };
}
