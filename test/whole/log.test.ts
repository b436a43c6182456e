import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { operatorKey, token } from './tenancy.ts';
import { until } from './until.ts';

const tenant = 'chatty';
const dataKeys = { apiKey: 'whole-run-data-key', brandKey: 'whole-run-brand-key' };
const secrets = [
  ...['sandbox-optimove-key', 'sandbox-promotions-key', token, operatorKey],
  ...['c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=', ...Object.values(dataKeys)],
];

let house: House;
const workers: Talker[] = [];

beforeAll(async () => {
  const section = {
    platform: { maxItemsPerCall: 100 },
    promotions: { maxCustomersPerCall: 200 },
    dataConnection: dataKeys,
  };
  const tenancy = { section, hasDataConnection: true };
  house = await openHouse({ [tenant]: tenancy }, { hasWorker: false });
  workers.push(startTalker(house), startTalker(house));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await house?.close();
});

it('says all that becomes of an effect, and never a secret, a customer or a body', async () => {
  const id = house.createCampaign(tenant, { customers: 1_000, deadlineInSeconds: 120 });
  house.sandbox.setFaults(tenant, [
    { kind: 'validate', fault: '429', calls: [2] },
    { kind: 'allocations', fault: 'reset', calls: [2] },
    { kind: 'status', fault: '500', calls: [1] },
  ]);
  await house.sandbox.announce(tenant, id);
  // Two workers start first, each of which bundles the workflows anew.
  await ended(house, tenant, id, 120_000);
  await expectSound(house, tenant, id);
  await house.sandbox.cancel(tenant, id);
  await until('everything is taken back', async () => {
    const campaign = await house.read(tenant, id);
    return campaign?.summary?.['reason'] === 'deleted' && !campaign.counts.states['allocated'];
  });

  const said = workers.map((worker) => worker.said()).join('');
  const told = said + JSON.stringify(house.lines);
  for (const secret of secrets) expect([secret, told.includes(secret)]).toEqual([secret, false]);
  const customer = house.sandbox.customer(tenant, id, 'P-00000001');
  expect(customer.customerId).toBe('P-00000001');
  expect(told.match(/P-\d{8}/g)).toBeNull();
  expect(told.match(/"(customers|promotionCodes|allocations|rewards)"/g)).toBeNull();

  const lines = workers.flatMap((worker) => worker.lines());
  const life = lines.filter(({ msg }) => /\ban effect\b|\ba lost effect\b/.test(msg));
  for (const line of life) {
    expect(line).toMatchObject({ tenant, campaign: id, batch: 1 });
    expect([line.effect, line.stage]).toEqual([expect.any(Number), expect.any(String)]);
  }
  const stages = new Set(life.map(({ stage }) => stage));
  expect([...stages].toSorted()).toEqual(
    ['allocate', 'redeem', 'report', 'revoke', 'upload', 'validate'].toSorted(),
  );
  const outcomes = new Set(life.flatMap(({ outcome }) => outcome ?? []));
  expect([...outcomes].toSorted()).toEqual(['done', 'not_sent', 'unknown']);
  const began = life.filter(({ msg }) => msg === 'an effect began');
  const over = life.filter(({ msg }) => /was (not )?done/.test(msg));
  expect(began.length).toBe(over.length);
}, 180_000);

it('counts what each worker did, beside the figures of its SDK', async () => {
  const texts = await Promise.all(workers.map((worker) => worker.figures()));
  for (const text of texts) {
    expect(text).toContain('\npromoflow_ledger_up 1\n');
    expect(text).toMatch(/^temporal_num_pollers\{.*task_queue="promoflow".*\} \d+$/m);
    expect(text).toMatch(/^temporal_workflow_task_execution_latency_seconds_bucket\{/m);
  }
  const done = /^promoflow_effects_total\{tenant="chatty",stage="report",outcome="done"\} (\d+)$/m;
  const reports = texts.map((text) => Number(done.exec(text)?.[1] ?? 0));
  expect(reports.reduce((sum, count) => sum + count, 0)).toBe(1);
});

interface LogLine {
  msg: string;
  stage?: string;
  effect?: number;
  outcome?: string;
  url?: string;
}

interface Talker {
  said(): string;
  lines(): LogLine[];
  figures(): Promise<string>;
  stop(): Promise<void>;
}

/** A worker as `npm run start:worker` runs it, at its most talkative, with a door for its figures. */
function startTalker({ file, addresses }: House): Talker {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-talker-'));
  const config = join(folder, 'promoflow.yaml');
  writeFileSync(config, JSON.stringify(file), { mode: 0o600 });
  const main = fileURLToPath(new URL('../../src/worker.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [main], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      DATABASE_URL: addresses.databaseUrl,
      TEMPORAL_ADDRESS: addresses.temporal.connectionOptions.address,
      TEMPORAL_NAMESPACE: addresses.temporal.namespace,
      PROMOFLOW_CONFIG: config,
      PROMOFLOW_METRICS_PORT: '0',
      LOG_LEVEL: 'trace',
    },
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const lines = (): LogLine[] =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return {
    said: () => out + err,
    lines,
    async figures() {
      const door = await until('the door is open', () => lines().find(({ url }) => url));
      return (await fetch(`${door.url}/metrics`)).text();
    },
    async stop() {
      if (child.exitCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await gone;
      }
      rmSync(folder, { recursive: true });
    },
  };
}
