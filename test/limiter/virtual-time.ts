import type pg from 'pg';
import { vi } from 'vitest';
import { createPool } from '../../src/ledger/pool.ts';
import { createClock } from './clock.ts';

/**
 * Time that passes only when nothing is left to do: the timers of this process and the clock of the
 * ledger go together, and no test waits for either. One connection, so that the clock is set before
 * what a timer's promise sets off is asked; a timer must ask nothing in its own callback.
 */
export async function createVirtualTime(url: string) {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'Date'],
    now: Date.UTC(2030, 0, 1),
  });
  const pool = createPool(url, 1);
  // Its own timers are about connections, of which this one is never given back.
  pool.options.idleTimeoutMillis = 0;
  pool.options.connectionTimeoutMillis = 0;
  const setClock = await createClock(pool, Date.now());
  let statements = 0;
  pool.on('acquire', () => {
    statements += 1;
  });

  /** Lets time pass until `done`, which must come within `withinMs`. */
  async function until(done: () => boolean, withinMs: number): Promise<void> {
    const end = Date.now() + withinMs;
    for (await settled(pool); !done(); await settled(pool)) {
      if (Date.now() >= end) throw new Error(`not within ${withinMs} ms`);
      if (vi.getTimerCount() === 0) throw new Error('nothing is left that could happen');
      vi.advanceTimersToNextTimer();
      const set = setClock(Date.now());
      statements -= 1;
      await set;
    }
  }

  async function close(): Promise<void> {
    vi.useRealTimers();
    await pool.end();
  }

  return { pool, until, close, statements: () => statements };
}

/** Resolves when no statement is under way and none follows from those that were. */
async function settled(pool: pg.Pool): Promise<void> {
  for (let calm = 0; calm < 3; calm += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (pool.waitingCount > 0 || pool.idleCount < pool.totalCount) calm = -1;
  }
}
