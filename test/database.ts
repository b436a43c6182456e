import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** The migrated database that every test's own is a copy of. */
export const TEMPLATE = 'promoflow_template';

export type TestDatabase = { url: string; drop(): Promise<void> };

/** An empty, migrated ledger of the test's own. */
export async function createDatabase(): Promise<TestDatabase> {
  const postgresUrl = inject('postgresUrl');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  // Copying files is quicker than writing them to the journal, which nobody will replay here.
  await run(postgresUrl, `create database ${name} template ${TEMPLATE} strategy file_copy`);
  const url = new URL(postgresUrl);
  url.pathname = name;
  return {
    url: url.href,
    drop: () => run(postgresUrl, `drop database if exists ${name} with (force)`),
  };
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
