import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';

const folder = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the schema up to this code's version, under node-pg-migrate's advisory lock, so that many
 * processes may start at once. A schema that is newer than the code is refused: an older gateway or
 * worker must not write into it.
 */
export async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const known = (await readdir(folder)).map((file) => file.replace(/\.sql$/, ''));
    const newer = (await appliedMigrations(client)).filter((name) => !known.includes(name));
    if (newer.length > 0) {
      throw new Error(
        `The ledger's schema is newer than this version of promoflow (it has ${newer.join(', ')}). ` +
          'Start the newer version, or give this one a database of its own.',
      );
    }
    await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: 'migration',
      log: () => {},
      // Several processes may start at once: the others wait for the first.
      advisoryLockMode: 'wait',
    });
  } finally {
    await client.end();
  }
}

async function appliedMigrations(client: pg.Client): Promise<string[]> {
  const exists = await client.query("select to_regclass('migration') as found");
  if (exists.rows[0].found === null) return [];
  const applied = await client.query<{ name: string }>('select name from migration');
  return applied.rows.map((row) => row.name);
}
