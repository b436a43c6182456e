import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { promoflow, type Run } from './command.ts';

let database: TestDatabase;
let folder: string;
let sandbox: Sandbox;
beforeAll(async () => {
  database = await createDatabase();
  folder = mkdtempSync(join(tmpdir(), 'promoflow-setup-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});
beforeEach(async () => {
  sandbox = await startSandbox({ tenants: { acme: {}, other: {} } });
});
afterEach(() => sandbox.close());

const publicUrl = 'https://promoflow.test/base/';
const address = 'https://promoflow.test/base/gate/acme';
const secret = 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=';

/** One tenant of the file; `acme` has a gate unless told otherwise. */
function tenantOf(name: string, over: object = {}) {
  const urls = sandbox.urls(name);
  return {
    timeZone: 'UTC',
    webhookToken: 'a-token',
    optimove: { baseUrl: urls.optimove, apiKey: 'sandbox-optimove-key' },
    platform: { baseUrl: urls.platform, secret },
    triggered: {},
    ...over,
  };
}

let files = 0;
/** Runs `promoflow setup gate` with this tenant file, and a ledger unless told otherwise. */
function setUp(file: object, args: string[] = [], ledger = database.url): Promise<Run> {
  files += 1;
  const PROMOFLOW_CONFIG = join(folder, `${files}.yaml`);
  writeFileSync(PROMOFLOW_CONFIG, stringify(file));
  return promoflow(['setup', 'gate', ...args], { PROMOFLOW_CONFIG, DATABASE_URL: ledger });
}

const calls = () => Object.keys(sandbox.traffic('acme').calls);

test('without --yes it shows what it would do and does nothing', async () => {
  const { code, out } = await setUp({ publicUrl, tenants: { acme: tenantOf('acme') } });
  expect(code).toBe(0);
  expect(out).toContain(
    `POST ${sandbox.urls('acme').optimove}/conditional-execution/v2/triggered/webhooks/`,
  );
  expect(out).toContain(`${address}/<webhookToken>`);
  expect(out).toContain('--yes');
  expect(calls()).toEqual([]);
  expect(sandbox.gates('acme')).toEqual([]);
});

test('without --yes it needs no ledger', async () => {
  const { code, out } = await setUp({ publicUrl, tenants: { acme: tenantOf('acme') } }, [], '');
  expect(code).toBe(0);
  expect(out).toContain('DATABASE_URL');
  expect(out).not.toMatch(/^last/m);
});

test.each([
  ['v1', 'PUT'],
  ['v2', 'POST'],
])('with --yes the gate is registered by %s, and remembered', async (registration, method) => {
  const tenants = { other: tenantOf('other', { triggered: { registration } }) };
  const file = { publicUrl, tenants };
  const done = await setUp(file, ['--yes', '--json']);
  expect(done).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(done.out)).toMatchObject({
    registered: true,
    call: expect.stringContaining(method),
    last: { accepted: { generation: registration, isSame: true } },
  });
  expect(sandbox.gates('other')).toEqual(['https://promoflow.test/base/gate/other/a-token']);
  expect(done.out).not.toContain('a-token');

  const shown = await setUp(file);
  expect(shown.out).toMatch(
    new RegExp(`last +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ by ${registration}: this address`),
  );
});

test('a registration of another address or token is told apart', async () => {
  const registered = tenantOf('acme');
  await setUp({ publicUrl, tenants: { acme: registered } }, ['--yes']);
  const token = { ...registered, webhookToken: 'another' };
  const { out } = await setUp({ publicUrl, tenants: { acme: token } });
  expect(out).toMatch(/last .*: https:.*<webhookToken>, which is another address or token/);
});

test('what Optimove refuses is said, and not taken for a registration', async () => {
  const file = { publicUrl, tenants: { acme: tenantOf('acme') } };
  await setUp(file, ['--yes']);
  sandbox.breakKey('acme', true);
  const refused = await setUp(file, ['--yes']);
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/not registered.*401.*optimove\.apiKey/);
  const { out } = await setUp(file);
  expect(out).toMatch(/last .*this address/);
  expect(out).toMatch(/since .*Optimove did not say yes/);
});

test('an answer that was lost leaves the registration open', async () => {
  sandbox.setFaults('acme', [{ kind: 'gateway', fault: 'reset' }]);
  const lost = await setUp({ publicUrl, tenants: { acme: tenantOf('acme') } }, ['--yes']);
  expect(lost.code).toBe(1);
  expect(lost.err).toContain('may have heard it');
});

test.each([
  ['no publicUrl', (tenant: object) => ({ tenants: { acme: tenant } }), [], /publicUrl is not set/],
  [
    'no gate',
    (tenant: object) => ({
      publicUrl,
      tenants: { acme: { ...tenant, triggered: { gate: false } } },
    }),
    [],
    /acme has no gate/,
  ],
  [
    'a tenant nobody knows',
    (tenant: object) => ({ publicUrl, tenants: { acme: tenant } }),
    ['--tenant', 'nobody'],
    /no tenant nobody; it has acme/,
  ],
  [
    'two tenants and no word which',
    (tenant: object) => ({ publicUrl, tenants: { acme: tenant, other: tenant } }),
    [],
    /--tenant: acme, other/,
  ],
])('%s is one clear sentence', async (_name, file, args, sentence) => {
  const { code, err } = await setUp(file(tenantOf('acme')), ['--yes', ...args]);
  expect(code).toBe(2);
  expect(err).toMatch(sentence);
  expect(err.trim().split('\n')).toHaveLength(1);
  expect(calls()).toEqual([]);
});

test('--yes needs a ledger to remember it', async () => {
  const { code, err } = await setUp(
    { publicUrl, tenants: { acme: tenantOf('acme') } },
    ['--yes'],
    '',
  );
  expect(code).toBe(2);
  expect(err).toContain('DATABASE_URL');
  expect(calls()).toEqual([]);
});
