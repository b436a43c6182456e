import { readdir } from 'node:fs/promises';
import type pg from 'pg';

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
