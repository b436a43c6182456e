import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import type pg from 'pg';
import { startPostgres } from '../local/postgres.ts';
import { startSandbox } from '../sandbox/sandbox.ts';
import { createActivities } from '../src/activities/activities.ts';
import { createWorld } from '../src/adapters/world.ts';
import { instantsOf } from '../src/domain/campaign.ts';
import { scheduledRules, type TenantSettings } from '../src/domain/tenant.ts';
import { cutAudience } from '../src/ledger/audience.ts';
import { findCampaign, openCampaign, startPass } from '../src/ledger/campaigns.ts';
import { countCampaign } from '../src/ledger/counts.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { stagePage } from '../src/ledger/pages.ts';
import { createPool } from '../src/ledger/pool.ts';
import { announce } from '../src/ledger/standing.ts';
import { timeline } from '../src/ledger/timeline.ts';
import { createTurns } from '../src/limiter/turns.ts';
import { type Figure, median, show, timed } from './figure.ts';

const tenant = 'acme';
const pageSize = 10_000;
const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** Batches whose stages are measured. */
const measuredBatches = 20;

/** Clock ticks of a processor second, as /proc counts them on Linux. */
const ticksPerSecond = 100;

/** The ledger's figures on this machine: cutting, the later stages, counting, one customer. */
export async function benchLedger(customers: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-bench-'));
  const postgres = await startPostgres({ dataFolder: folder });
  const sandbox = await startSandbox({ tenants: { [tenant]: { optimove: { limit: null } } } });
  // One connection, so that one server process does all the work that is measured.
  const pool = createPool(postgres.url, 1);
  try {
    await migrate(postgres.url);
    const settings = settingsFor(sandbox.urls(tenant));
    const id = {
      tenant,
      campaignId: sandbox.createCampaign(tenant, {
        customers,
        deadlineInSeconds: 7_200,
      }),
    };
    const house = houseOf(pool, settings);
    const ref = await stageAudience(pool, id, settings, house.worlds);
    const cutMs = await serverMs(pool, () => cutAudience(pool, ref));
    await pool.query('vacuum analyze');
    const copyMs = await copyKeys(pool);
    const stagesMs = await walkBatches(pool, house, ref);
    await pool.query('vacuum analyze');
    return show([
      {
        what: `cut of ${customers} customers beside a COPY of the same keys, the server's time`,
        measured: cutMs / copyMs,
        atMost: 2,
        unit: '×',
      },
      {
        what: "all later stages of a batch of 10,000, the server's time",
        measured: stagesMs,
        atMost: 30,
        unit: 'ms',
      },
      {
        what: 'counts by state',
        measured: await timed(() => countCampaign(pool, ref)),
        atMost: 1_000,
        unit: 'ms',
      },
      {
        what: 'the timeline of one customer',
        measured: await lookUpMs(pool),
        atMost: 5,
        unit: 'ms',
      },
      await diskFigure(pool, customers),
    ]);
  } finally {
    await pool.end();
    await sandbox.close();
    await postgres.stop();
    rmSync(folder, { recursive: true });
  }
}

function settingsFor(urls: {
  optimove: string;
  promotions: string;
  platform: string;
}): TenantSettings {
  const rateLimit = { requests: 1_000_000, perMs: 10_000 };
  return {
    tenant,
    timeZone: 'UTC',
    webhookToken: 'none',
    apiKeys: [],
    allowFrom: [],
    optimove: { baseUrl: urls.optimove, apiKey: 'sandbox-optimove-key', rateLimit, pageSize },
    promotions: {
      baseUrl: urls.promotions,
      apiKey: 'sandbox-promotions-key',
      sharesOptimoveLimit: true,
      rateLimit,
      maxCustomersPerCall: 10_000,
      recovery: 'assignments',
      unknownCodes: 'refuse',
    },
    publisher: undefined,
    dataConnection: undefined,
    platform: {
      baseUrl: urls.platform,
      secret: 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=',
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
      redeemEveryMs: 0,
      lanes: 8,
    },
    claims: undefined,
    triggerChannels: [],
    executedChannels: [],
    hearsEventOne: false,
    limits: { maxAudience: 100_000_000, onlyCustomers: [] },
  };
}

function houseOf(pool: pg.Pool, settings: TenantSettings) {
  const turns = createTurns({ pool });
  const world = createWorld(settings, { turn: turns.turn, onUnauthorized: async () => {} });
  return {
    pool,
    turns,
    log: silent,
    metrics: { turnCame: () => {}, effectEnded: () => {} },
    worlds: new Map([[tenant, world]]),
    tenants: new Map([[tenant, settings]]),
    kickSettlement: () => {},
  };
}

async function stageAudience(
  pool: pg.Pool,
  id: { tenant: string; campaignId: string },
  settings: TenantSettings,
  worlds: ReturnType<typeof houseOf>['worlds'],
): Promise<number> {
  const rules = scheduledRules(settings);
  const instants = instantsOf(Date.now() + 7_200_000, rules);
  await announce(pool, id, {
    announcedAt: Date.now(),
    durationDays: 7,
    instants,
    problem: undefined,
  });
  await openCampaign(pool, id, { ...rules, durationDays: 7 });
  const campaign = await findCampaign(pool, id);
  const world = worlds.get(tenant);
  if (!campaign || !world) throw new Error('The campaign was not opened');
  const reading = {
    rank: { class: 'bulk', deadline: 0, stage: 0 },
    signal: new AbortController().signal,
  } as const;
  for (let number = 0, length = pageSize; length === pageSize; number += 1) {
    const { campaignId } = id;
    const page = await world.optimove.processedCustomers(
      { campaignId, skip: number * pageSize, top: pageSize },
      reading,
    );
    await stagePage(pool, campaign.ref, 1, number, page);
    length = page.length;
  }
  return campaign.ref;
}

/** The floor: the same keys in the order in which they came, by COPY, into a table of the same shape. */
async function copyKeys(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('show data_directory');
  const file = join(rows[0].data_directory, 'bench-keys');
  await pool.query(
    `copy (select * from assignment order by batch, position) to '${file}' with (format binary)`,
  );
  const times: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    await pool.query('create table floor (like assignment including all)');
    times.push(
      await serverMs(pool, () => pool.query(`copy floor from '${file}' with (format binary)`)),
    );
    await pool.query('drop table floor');
  }
  return median(times);
}

/** Processor time of the server a batch, over every stage behind the screen; the median of many. */
async function walkBatches(
  pool: pg.Pool,
  house: ReturnType<typeof houseOf>,
  ref: number,
): Promise<number> {
  const activities = createActivities(house);
  const pass = await startPass(pool, ref);
  const logger = { ...silent, log: () => {}, trace: () => {}, debug: () => {} };
  const environment = new MockActivityEnvironment({}, { logger });
  const batches = await pool.query<{ number: number }>(
    'select number from batch where campaign = $1 order by number limit $2',
    [ref, measuredBatches],
  );
  const walk = (batch: number, stage: 'screen' | 'validate' | 'allocate' | 'report' | 'redeem') =>
    environment.run(activities.walkStage, { ref, batch, stage, pass, isLast: stage === 'redeem' });
  const spent: number[] = [];
  for (const { number } of batches.rows) {
    await walk(number, 'screen');
    spent.push(
      await serverMs(pool, async () => {
        for (const stage of ['validate', 'allocate', 'report', 'redeem'] as const) {
          await walk(number, stage);
        }
      }),
    );
  }
  return spent.reduce((sum, one) => sum + one, 0) / spent.length;
}

/** Processor milliseconds that the one server process spends on `work`: what a busy machine cannot blur. */
async function serverMs(pool: pg.Pool, work: () => Promise<unknown>): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid ?? 0;
  const before = processorMs(pid);
  await work();
  return processorMs(pid) - before;
}

function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}

async function lookUpMs(pool: pg.Pool): Promise<number> {
  const times: number[] = [];
  for (let index = 100; index < 120; index += 1) {
    const found = await pool.query<{ id: string }>(
      'select line_at(customers, $1) as id from batch order by campaign, number limit 1',
      [index],
    );
    const customerId = found.rows[0]?.id ?? '';
    times.push(await timed(() => timeline(pool, { tenant, customerId })));
  }
  return median(times);
}

async function diskFigure(pool: pg.Pool, customers: number): Promise<Figure> {
  const { rows } = await pool.query<{ mb: number }>(
    `select sum(pg_total_relation_size(oid))::float8 / 1e6 as mb from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'floor'`,
  );
  const perMillion = ((rows[0]?.mb ?? 0) * 1_000_000) / customers;
  return { what: 'on disk per 1,000,000 customers', measured: perMillion, atMost: 150, unit: 'MB' };
}
