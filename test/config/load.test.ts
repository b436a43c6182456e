import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, type Mistake } from '../../src/config/mistakes.ts';
import { scheduledRules } from '../../src/domain/tenant.ts';
import { acme, promotions, secret } from './file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoflow-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function load(content: unknown, variables: Record<string, string> = {}) {
  files += 1;
  const configFile = join(folder, `${files}.yaml`);
  writeFileSync(configFile, typeof content === 'string' ? content : stringify(content));
  return loadConfig({ configFile, variables });
}

/** The mistakes that a file is refused for, their places without the file's name. */
function mistakesOf(content: unknown, variables: Record<string, string> = {}): Mistake[] {
  try {
    load(content, variables);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes.map(({ path, message }) => ({
      path: path.replace(/^\S+ ?/, ''),
      message,
    }));
  }
  return [];
}

const fileOf = (tenant: object) => ({ tenants: { acme: tenant } });

test('only four keys are needed; the rest has its default or is off', () => {
  const config = load(fileOf(acme));
  expect(config).toMatchObject({ publicUrl: undefined, operatorKeys: [] });
  expect(config.tenants).toEqual([
    {
      tenant: 'acme',
      timeZone: 'Europe/Malta',
      webhookToken: 'tok',
      apiKeys: [],
      allowFrom: [],
      optimove: { ...acme.optimove, rateLimit: { requests: 50, perMs: 10_000 }, pageSize: 10_000 },
      promotions: undefined,
      publisher: undefined,
      dataConnection: undefined,
      platform: {
        ...acme.platform,
        maxItemsPerCall: 10_000,
        screening: false,
        rateLimit: undefined,
      },
      scheduled: {
        conditional: 'managed',
        executed: 'off',
        notSent: 'list',
        activation: 'immediate',
        codes: 'all',
        clearanceMarginMs: 30_000,
        executionDelayMs: 1_800_000,
        redeemEveryMs: 60_000,
        lanes: 8,
      },
      claims: undefined,
      triggerChannels: [],
      executedChannels: [],
      hearsEventOne: false,
      limits: { maxAudience: 2_000_000, onlyCustomers: [] },
    },
  ]);
});

test('the recipe follows from the far sides a tenant has', () => {
  const recipeOf = (tenant: object) =>
    load(fileOf({ ...acme, ...tenant })).tenants.map((each) => scheduledRules(each).recipe);
  const dataConnection = {
    baseUrl: 'http://d.test',
    connectionId: 'c',
    apiKey: 'k',
    brandKey: 'b',
  };
  expect(recipeOf({})).toEqual([['screen', 'allocate', 'report']]);
  expect(recipeOf({ promotions, dataConnection })).toEqual([
    ['screen', 'validate', 'allocate', 'upload', 'report', 'redeem'],
  ]);
});

test('variables are filled in inside texts, after the file was parsed', () => {
  const webhookToken = '${' + 'A}-${' + 'B}';
  const optimove = { ...acme.optimove, apiKey: '${' + 'KEY}' };
  const variables = { A: 'one', B: 'two', KEY: '${' + 'A}:{x' };
  const [tenant] = load(fileOf({ ...acme, webhookToken, optimove }), variables).tenants;
  expect(tenant?.webhookToken).toBe('one-two');
  expect(tenant?.optimove.apiKey).toBe(variables.KEY);
});

test('the example is right, and .env.example names every variable it takes', () => {
  const variables = parseEnv(readFileSync('.env.example', 'utf8'));
  for (const name of Object.keys(variables)) {
    variables[name] = name.endsWith('_SECRET') ? secret : 'something';
  }
  const { tenants, operatorKeys } = loadConfig({ configFile: 'promoflow.example.yaml', variables });
  expect(tenants.map(({ tenant }) => tenant)).toEqual(['acme']);
  expect(operatorKeys).toEqual([{ name: 'ops', key: 'something', role: 'operate' }]);
});

test('JSON is YAML', () => {
  expect(load(JSON.stringify(fileOf(acme))).tenants).toHaveLength(1);
});

test('every mistake is listed at once with its path', () => {
  const broken = {
    ...acme,
    timeZone: 'Mars/Olympus',
    optimove: { baseUrl: 'ftp://x', apiKey: 'two words', typo: 1 },
    platform: undefined,
    scheduled: { lanes: 0 },
  };
  expect(
    mistakesOf(fileOf(broken))
      .map(({ path }) => path)
      .sort(),
  ).toEqual([
    'tenants.acme.optimove.apiKey',
    'tenants.acme.optimove.baseUrl',
    'tenants.acme.optimove.typo',
    'tenants.acme.platform',
    'tenants.acme.scheduled.lanes',
    'tenants.acme.timeZone',
  ]);
});

test('a contradiction is listed beside mistakes in other sections', () => {
  const rateLimit = { requests: 5, perSeconds: 1 };
  const broken = { ...acme, webhookToken: 5, promotions: { ...promotions, rateLimit } };
  expect(mistakesOf(fileOf(broken)).map(({ path }) => path)).toEqual([
    'tenants.acme.webhookToken',
    'tenants.acme.promotions.rateLimit',
  ]);
});

test('a mistake names the line it stands in', () => {
  files += 1;
  const configFile = join(folder, `${files}.yaml`);
  writeFileSync(configFile, `tenants:\n  acme:\n    timeZone: Nowhere\n    webhookToken: t\n`);
  expect(() => loadConfig({ configFile, variables: {} })).toThrow(
    `${configFile}:3 tenants.acme.timeZone: must be an IANA time zone`,
  );
});

test('a sorted audience is refused in words, as not built yet', () => {
  const sorted = { ...acme, scheduled: { sortBy: {} } };
  expect(mistakesOf(fileOf(sorted))).toEqual([
    {
      path: 'tenants.acme.scheduled.sortBy',
      message: expect.stringContaining('not built yet'),
    },
  ]);
});

test('alerts need an address and a secret to sign with', () => {
  const alerts = { url: 'https://alerts.test/hook?team=crm', secret };
  expect(load({ ...fileOf(acme), alerts }).alerts).toEqual(alerts);
  expect(load(fileOf(acme)).alerts).toBeUndefined();
  const wrong = { url: 'ftp://alerts.test', secret: 'abc' };
  expect(mistakesOf({ ...fileOf(acme), alerts: wrong })).toEqual([
    {
      path: 'alerts.url',
      message: 'must be an http:// or https:// address without user and fragment',
    },
    { path: 'alerts.secret', message: 'must be whsec_ followed by base64' },
  ]);
});

test('limits of what is given reach the plan of a campaign', () => {
  const limits = {
    maxRewardTotal: { 'free-spins': 50_000_000 },
    perCustomer: { sameCodeDays: 7 },
  };
  const [tenant] = load(fileOf({ ...acme, promotions, limits })).tenants;
  expect(tenant && scheduledRules(tenant).limits).toEqual({
    ...{ maxAudience: 2_000_000, onlyCustomers: [] },
    ...{ maxRewardTotal: { 'free-spins': 50_000_000 }, sameCodeDays: 7 },
  });
});

test('a limit on what is given in all needs Promotions, which tells it beforehand', () => {
  const limits = { maxRewardTotal: { 'free-spins': 5 } };
  expect(mistakesOf(fileOf({ ...acme, limits }))).toEqual([
    {
      path: 'tenants.acme.limits.maxRewardTotal',
      message: 'needs promotions: without it nobody knows what is about to be given',
    },
  ]);
});

test.each([
  ['no tenant', { tenants: {} }, 'tenants', 'at least one tenant'],
  ['no tenants at all', {}, 'tenants', 'is missing'],
  ['a name that is no path', { tenants: { 'a/b': acme } }, 'tenants.a/b', 'must be a name'],
  ['a tenant that is a number', { tenants: { acme: 5 } }, 'tenants.acme', 'expected object'],
  [
    'a token that is no path',
    fileOf({ ...acme, webhookToken: 'a/b' }),
    'tenants.acme.webhookToken',
    'letters',
  ],
  [
    'a secret that cannot sign',
    fileOf({ ...acme, platform: { ...acme.platform, secret: 'whsec_?' } }),
    'tenants.acme.platform.secret',
    'base64',
  ],
  [
    'an address with a query',
    fileOf({ ...acme, platform: { baseUrl: 'http://x/?a=1', secret } }),
    'tenants.acme.platform.baseUrl',
    'without user, query',
  ],
  [
    'a range that is none',
    fileOf({ ...acme, allowFrom: ['10.0.0.0/99'] }),
    'tenants.acme.allowFrom.0',
    'CIDR',
  ],
  [
    'a customer as a number',
    fileOf({ ...acme, limits: { onlyCustomers: [7] } }),
    'tenants.acme.limits.onlyCustomers.0',
    'must be a text',
  ],
  ['an unknown key', { ...fileOf(acme), colour: 'red' }, 'colour', 'not a known key'],
  [
    'a role that is none',
    { ...fileOf(acme), operatorKeys: [{ name: 'a', key: 'b', role: 'boss' }] },
    'operatorKeys.0.role',
    'must be one of',
  ],
  [
    'an operator key given twice',
    { ...fileOf(acme), operatorKeys: ['a', 'b'].map((name) => ({ name, key: 'k', role: 'read' })) },
    'operatorKeys',
    'twice',
  ],
  [
    'two limits for Promotions',
    fileOf({ ...acme, promotions: { ...promotions, rateLimit: { requests: 5, perSeconds: 1 } } }),
    'tenants.acme.promotions.rateLimit',
    'contradicts',
  ],
  [
    'a reward total without an amount',
    fileOf({ ...acme, promotions, limits: { maxRewardTotal: { spins: 0 } } }),
    'tenants.acme.limits.maxRewardTotal.spins',
    'must be above 0',
  ],
])('%s is refused with its path', (_name, file, path, message) => {
  expect(mistakesOf(file)).toEqual([{ path, message: expect.stringContaining(message) }]);
});

test('an unset variable is named once, and what follows from it is not', () => {
  expect(mistakesOf(fileOf({ ...acme, webhookToken: '${' + 'NOPE}' }))).toEqual([
    { path: 'tenants.acme.webhookToken', message: 'the variable NOPE is not set' },
  ]);
});

test('no message holds a value of the file or of a variable', () => {
  const tenant = {
    ...acme,
    webhookToken: 'hunter2 hunter2',
    optimove: { baseUrl: 'http://hunter2:hunter2@x', apiKey: '${' + 'KEY} ' },
    platform: { baseUrl: 'hunter2', secret: 'hunter2' },
  };
  const variables = { KEY: 'hunter2' };
  expect(mistakesOf(fileOf(tenant), variables)).toHaveLength(5);
  expect(JSON.stringify(mistakesOf(fileOf(tenant), variables))).not.toContain('hunter2');
  expect(JSON.stringify(mistakesOf('a: "hunter2\nb: [hunter2', {}))).not.toContain('hunter2');
});

test('what is not YAML, and a file that is not there, are each one clear sentence', () => {
  expect(() => load('tenants: [')).toThrow('this is not YAML');
  expect(() => load('tenants: *nothing')).toThrow('aliases cannot be resolved');
  expect(() => loadConfig({ configFile: folder, variables: {} })).toThrow('cannot be read');
  expect(() => loadConfig({ configFile: join(folder, 'none.yaml'), variables: {} })).toThrow(
    'there is no such file',
  );
});
