import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from '../world.ts';

const folder = new URL('./migrations', import.meta.url);

/** What is missing of the ledger, in words; undefined when it answers and has this code's schema. */
export async function ledgerMissing(pool: pg.Pool): Promise<string | undefined> {
  try {
    const applied = await pool.query<{ name: string }>('select name from migration');
    const names = new Set(applied.rows.map((row) => row.name));
    const files = await readdir(folder);
    const missing = files
      .map((file) => file.replace(/\.sql$/, ''))
      .filter((name) => !names.has(name));
    return missing.length > 0 ? `The ledger lacks ${missing.join(', ')}` : undefined;
  } catch (error) {
    return `The ledger does not answer: ${error instanceof Error ? error.message || error.name : error}`;
  }
}

/**
 * Resolves as soon as the ledger takes connections. While its server is starting up, which says so (57P03), it is
 * tried again for a minute; anything else that is wrong with it rejects at once.
 */
export async function awaitLedger(
  url: string,
  log: Log,
  { everyMs = 500, boundMs = 60_000 } = {},
): Promise<void> {
  const end = performance.now() + boundMs;
  for (let tries = 1; ; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch (error) {
      if (!isStartingUp(error) || performance.now() >= end) throw error;
      if (tries === 1) log.warn({ seconds: boundMs / 1_000 }, 'the ledger is starting up: waiting');
    } finally {
      await client.end();
    }
    await delay(everyMs);
  }
}

/** cannot_connect_now (PostgreSQL, appendix A). */
function isStartingUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57P03';
}
