import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { type Postgres, startPostgres } from '../../local/postgres.ts';
import { inspect, isRunning, until } from '../../local/processes.ts';
import { temporaryFolder } from './folder.ts';
import { startOwner } from './killed-owner.ts';

it('goes on where it was, on the same port, after a restart', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder);
  await query(first.url, 'create table kept as select 42 as answer');
  await first.stop();

  const second = await start(dataFolder);
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
});

it('keeps what was committed when it is killed in the middle of a statement', async () => {
  const dataFolder = temporaryFolder();
  const first = await startPostgres({ dataFolder });
  await query(first.url, 'create table kept as select 42 as answer');
  const busy = query(first.url, 'select pg_sleep(30)').catch((error: Error) => error.name);
  await first.kill();

  const second = await start(dataFolder);
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  expect(await busy).toBe('Error');
});

it('refuses a second start on a busy folder in one sentence that names the owner', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder);
  await expect(start(dataFolder)).rejects.toThrow(
    `the data folder ${dataFolder} is in use by process ${process.pid}: stop that one`,
  );
  expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

it('lets go of the folder once: a second stop does not take it from the next owner', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder);
  await first.stop();
  await start(dataFolder);
  await first.stop();
  await expect(start(dataFolder)).rejects.toThrow('is in use by process');
});

it('takes over after an owner was killed, and keeps the data', async () => {
  const dataFolder = temporaryFolder();
  const owner = await startOwner('postgres', dataFolder);
  await query(owner.address, 'create table kept as select 42 as answer');
  await owner.kill();

  const next = await start(dataFolder);
  expect(await query(next.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
});

it('does not outlive an owner that was killed', async () => {
  const dataFolder = temporaryFolder();
  const owner = await startOwner('postgres', dataFolder);
  const { server } = JSON.parse(readFileSync(join(dataFolder, 'postgres.json'), 'utf8'));
  expect(inspect(server.pid)?.command).toContain(dataFolder);
  await owner.kill();
  expect(await until(() => !isRunning(server), 10_000)).toBe(true);
});

it('takes another port when its own was taken meanwhile', async () => {
  const dataFolder = temporaryFolder();
  const first = await start(dataFolder);
  await first.stop();
  const squatter = createServer();
  onTestFinished(() => void squatter.close());
  await new Promise<void>((resolve) => {
    squatter.listen(Number(new URL(first.url).port), '127.0.0.1', resolve);
  });

  const second = await start(dataFolder);
  expect(second.url).not.toBe(first.url);
  expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

async function start(dataFolder: string): Promise<Postgres> {
  const postgres = await startPostgres({ dataFolder, fast: true });
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query(statement);
  await client.end();
  return rows;
}
