import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { type Postgres, startPostgres } from '../local/postgres.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { TEMPLATE } from './database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The administrator's address of this run's Postgres; tests ask `createDatabase` instead. */
    postgresUrl: string;
  }
}

/** One Postgres for the whole run, with the migrated template that each test's database copies. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'promoflow-test-'));
  let postgres: Postgres | undefined;
  const tearDown = async () => {
    await postgres?.stop();
    rmSync(dataFolder, { recursive: true });
  };
  try {
    postgres = await startPostgres({ dataFolder, fast: true });
    await createTemplate(postgres.url);
    project.provide('postgresUrl', postgres.url);
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
}

async function createTemplate(postgresUrl: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await client.end();
  const url = new URL(postgresUrl);
  url.pathname = TEMPLATE;
  await migrate(url.href);
}
