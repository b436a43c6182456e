import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readEnvironment } from '../../src/config/environment.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(dotEnv?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-environment-'));
  folders.push(folder);
  if (dotEnv !== undefined) writeFileSync(join(folder, '.env'), dotEnv);
  return folder;
}

test('without any variable everything is embedded, on the local machine', () => {
  expect(readEnvironment({}, folderWith())).toEqual({
    databaseUrl: undefined,
    temporalAddress: undefined,
    temporalNamespace: 'default',
    configFile: 'promoflow.yaml',
    dataFolder: '.promoflow',
    host: '127.0.0.1',
    port: 8080,
    url: undefined,
    key: undefined,
    logLevel: 'info',
    variables: {},
  });
});

test('a variable that is set to nothing counts as not set', () => {
  const source = { DATABASE_URL: '', PROMOFLOW_PORT: '', LOG_LEVEL: '' };
  expect(readEnvironment(source, folderWith())).toMatchObject({
    databaseUrl: undefined,
    port: 8080,
    logLevel: 'info',
    variables: {},
  });
});

test('a variable of the process wins over one of the .env file', () => {
  const folder = folderWith(
    'PROMOFLOW_PORT=1111\nPROMOFLOW_HOST="0.0.0.0" # all\nACME_KEY=stored\n',
  );
  const environment = readEnvironment({ PROMOFLOW_PORT: '2222' }, folder);
  expect(environment).toMatchObject({ port: 2222, host: '0.0.0.0' });
  expect(environment.variables).toMatchObject({ ACME_KEY: 'stored' });
});

test('every mistake is listed at once, without the values', () => {
  const source = {
    DATABASE_URL: 'mysql://root:hunter2@db',
    PROMOFLOW_PORT: '99999',
    PROMOFLOW_URL: 'promoflow.example',
    LOG_LEVEL: 'loud',
  };
  expect.assertions(2);
  try {
    readEnvironment(source, folderWith());
  } catch (error) {
    expect(error).toMatchObject({
      name: 'ConfigError',
      mistakes: Object.keys(source).map((path) => ({ path, message: expect.any(String) })),
    });
    expect(String(error)).not.toContain('hunter2');
  }
});
