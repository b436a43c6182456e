import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readEnvironment, type Variables } from '../../src/config/environment.ts';
import { type Following, followConfig } from '../../src/config/follow.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';

let folder: string;
let following: Following;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoflow-follow-'));
});
afterEach(async () => {
  await following.stop();
  rmSync(folder, { recursive: true });
});

const fileOf = (apiKey: string): string =>
  stringify({
    tenants: {
      acme: {
        timeZone: 'Europe/Malta',
        webhookToken: 'tok',
        optimove: { baseUrl: 'http://optimove.test', apiKey },
        platform: { baseUrl: 'http://platform.test', secret: 'whsec_c2VjcmV0c2VjcmV0' },
      },
    },
  });

const variable = (name: string): string => `\${${name}}`;

/** Follows a tenant file and a `.env` of the test's own; what was told, in order. */
async function follow(file: string, env: string, process: Variables = {}) {
  const configFile = join(folder, 'promoflow.yaml');
  writeFileSync(configFile, file);
  writeFileSync(join(folder, '.env'), env);
  const source = { ...process, PROMOFLOW_CONFIG: configFile };
  const environment = readEnvironment(source, folder);
  const told: string[] = [];
  const keyOf = ({ tenants }: Config) => tenants.map(({ optimove }) => optimove.apiKey).join();
  following = followConfig(
    { environment, config: loadConfig(environment) },
    {
      changed: async (config, fixed) => void told.push(['key', keyOf(config), ...fixed].join(' ')),
      unchanged: async () => void told.push('unchanged'),
      refused: async ({ message }) => void told.push(`refused ${message}`),
    },
    { source, folder },
  );
  await expect.poll(() => told).toEqual(['unchanged']);
  told.length = 0;
  return {
    told,
    write: (text: string) => writeFileSync(configFile, text),
    /** As editors and mounted folders do it: the file is another one. */
    replace(text: string) {
      writeFileSync(`${configFile}.new`, text);
      renameSync(`${configFile}.new`, configFile);
    },
    writeEnv: (text: string) => writeFileSync(join(folder, '.env'), text),
  };
}

const within = { timeout: 20_000 };

test('a key that is mended in the tenant file counts without being asked for', async () => {
  const { told, write, replace } = await follow(fileOf('one'), '');
  write(fileOf('second'));
  await expect.poll(() => told, within).toEqual(['key second']);
  replace(fileOf('the-third'));
  await expect.poll(() => told, within).toEqual(['key second', 'key the-third']);
});

test('a key that is mended in .env counts, unless the process itself has the variable', async () => {
  const file = fileOf(`${variable('KEY')}${variable('OTHER')}`);
  const { told, writeEnv } = await follow(file, 'KEY=a\nOTHER=b\n', { OTHER: 'mine' });
  writeEnv('KEY=mended-\nOTHER=c\n');
  await expect.poll(() => told, within).toEqual(['key mended-mine']);
});

test('mistakes change nothing, and are told without a value; mending them tells so', async () => {
  const { told, write } = await follow(fileOf('one'), '');
  write(fileOf('two').replace('Europe/Malta', 'Secret/Place'));
  await following.reload();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^refused .*promoflow.yaml:3 tenants.acme.timeZone: must be an IANA/s);
  expect(told[0]).not.toContain('Secret');
  write(fileOf('one'));
  await following.reload();
  expect(told.at(-1)).toBe('unchanged');
});

test('what only a restart can change is named, and the rest counts all the same', async () => {
  const { told, writeEnv } = await follow(fileOf(variable('KEY')), 'KEY=a\nPROMOFLOW_PORT=1\n');
  writeEnv('KEY=b\nPROMOFLOW_PORT=2\nTEMPORAL_ADDRESS=there:7233\nPROMOFLOW_URL=http://x\n');
  await following.reload();
  expect(told).toEqual(['key b PROMOFLOW_PORT TEMPORAL_ADDRESS']);
});

test('what changed before the files were followed counts too', async () => {
  const configFile = join(folder, 'promoflow.yaml');
  writeFileSync(configFile, fileOf('one'));
  const environment = readEnvironment({ PROMOFLOW_CONFIG: configFile }, folder);
  const config = loadConfig(environment);
  writeFileSync(configFile, fileOf('two'));
  const told: string[] = [];
  const unheard = async () => {};
  following = followConfig(
    { environment, config },
    { changed: async () => void told.push('changed'), unchanged: unheard, refused: unheard },
    { source: { PROMOFLOW_CONFIG: configFile }, folder },
  );
  await expect.poll(() => told).toEqual(['changed']);
});

test('a tenant file that is gone for a moment leaves the old settings', async () => {
  const { told } = await follow(fileOf('one'), '');
  rmSync(join(folder, 'promoflow.yaml'));
  await following.reload();
  expect(told).toMatchObject([expect.stringMatching(/^refused .*there is no such file/s)]);
});
