import pg from 'pg';
import { expect, it } from 'vitest';
import { createDatabase } from '../database.ts';

it('gives each test a migrated ledger that another test does not see', async () => {
  const [mine, other] = await Promise.all([createDatabase(), createDatabase()]);
  const client = new pg.Client(mine.url);
  await client.connect();
  await client.query('create table seen (yes boolean)');
  await client.end();

  expect(await tables(mine.url)).toEqual(expect.arrayContaining(['campaign', 'seen']));
  expect(await tables(other.url)).not.toContain('seen');

  await Promise.all([mine.drop(), other.drop()]);
  await expect(tables(mine.url)).rejects.toThrow('does not exist');
});

async function tables(url: string): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query('select relname from pg_class where relkind = $1', ['r']);
  await client.end();
  return rows.map((row) => row.relname);
}
