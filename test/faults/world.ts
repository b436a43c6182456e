import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type pg from 'pg';
import { startPostgres } from '../../local/postgres.ts';
import { startTemporal } from '../../local/temporal.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { createPool } from '../../src/ledger/pool.ts';
import { searchAttributePairs } from '../../src/wiring.ts';
import { farSidesOf, type Tenancy, tenantFileOf, token } from '../whole/tenancy.ts';
import { until } from '../whole/until.ts';
import { type Door, openDoor } from './door.ts';
import { lastingPort } from './ports.ts';
import { createServerHandle, type KillableServer } from './server.ts';
import { type Supervised, supervise } from './supervised.ts';

/** The one tenant of a world; its far sides know it by this name. */
export const tenant = 'acme';

export const farSideNames = ['optimove', 'promotions', 'platform', 'data'] as const;
export type FarSideName = (typeof farSideNames)[number];

/**
 * promoflow as it runs in production, every part of it a process that may be killed: gateways and
 * workers by their own mains, Postgres, Temporal. The sandbox stays up: it is the judge.
 */
export interface World {
  /** Logs, databases and the tenant file. */
  folder: string;
  sandbox: Sandbox;
  doors: Record<FarSideName, Door>;
  postgres: KillableServer;
  temporal: KillableServer;
  gateways: Supervised[];
  workers: Supervised[];
  /** Webhook addresses, one a gateway. */
  hookUrls: string[];
  /** Where checks go, one a gateway. */
  gateUrls: string[];
  pool: pg.Pool;
  client: Client;
  /** Whether every gateway answers and is ready. */
  isReady(): Promise<boolean>;
  /** Ends everything. The folder stays where it is kept as evidence. */
  close(wishes?: { keepsFolder: boolean }): Promise<void>;
}

export interface WorldOptions {
  gateways?: number;
  workers?: number;
  tenancy?: Tenancy;
}

const mains = {
  gateway: fileURLToPath(new URL('../../src/gateway/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../src/worker.ts', import.meta.url)),
};

/** Makes a world of its own in a folder of its own, and waits until it is ready. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { gateways = 1, workers = 1, tenancy = {} } = options;
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-faults-'));
  const dataFolder = join(folder, 'data');
  mkdirSync(dataFolder);
  const [postgres, temporal, sandbox] = await Promise.all([
    openPostgres(dataFolder),
    openTemporal(dataFolder),
    startSandbox(farSidesOf({ [tenant]: tenancy })),
  ]);
  await migrate(postgres.address);

  const doors = await openDoors(sandbox);
  const config = join(folder, 'promoflow.yaml');
  const file = tenantFileOf(
    { ...sandbox, urls: (name) => ({ ...sandbox.urls(name), ...urlsOf(doors) }) },
    { [tenant]: tenancy },
  );
  writeFileSync(config, JSON.stringify(file, null, 2), { mode: 0o600 });
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DATABASE_URL: postgres.address,
    TEMPORAL_ADDRESS: temporal.address,
    PROMOFLOW_CONFIG: config,
    PROMOFLOW_DATA: dataFolder,
    LOG_LEVEL: 'info',
  };
  const ports = await Promise.all(Array.from({ length: gateways }, () => lastingPort()));
  const start = (name: string, main: string, more: NodeJS.ProcessEnv = {}) =>
    supervise({ name, main, logFile: join(folder, `${name}.log`), env: { ...env, ...more } });
  const doorways = ports.map((port, index) =>
    start(`gateway-${index + 1}`, mains.gateway, { PROMOFLOW_PORT: String(port) }),
  );
  const hands = Array.from({ length: workers }, (_, index) =>
    start(`worker-${index + 1}`, mains.worker),
  );
  const pool = createPool(postgres.address, 3);
  const connection = Connection.lazy({ address: temporal.address });
  const isReady = async (): Promise<boolean> => {
    const answers = ports.map((port) => fetch(`http://127.0.0.1:${port}/readyz`));
    const ready = await Promise.all(answers.map((answer) => answer.catch(() => undefined)));
    return ready.every((answer) => answer?.ok);
  };
  const world: World = {
    ...{ folder, sandbox, doors, postgres, temporal, pool, isReady },
    gateways: doorways,
    workers: hands,
    hookUrls: ports.map((port) => `http://127.0.0.1:${port}/hooks/${tenant}/${token}`),
    gateUrls: ports.map((port) => `http://127.0.0.1:${port}/gate/${tenant}/${token}`),
    client: new Client({ connection }),
    async close({ keepsFolder } = { keepsFolder: false }) {
      await Promise.all([...hands, ...doorways].map((process) => process.stop()));
      for (const door of Object.values(doors)) await door.shut();
      await sandbox.close();
      await pool.end();
      await connection.close();
      await Promise.all([postgres.stop(), temporal.stop()]);
      if (!keepsFolder) rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all([...hands, ...doorways].map((process) => process.start()));
    await until('the gateways are ready', isReady, 60_000);
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

async function openPostgres(dataFolder: string): Promise<KillableServer> {
  const port = await lastingPort();
  return createServerHandle(async () => {
    const { url, ...server } = await startPostgres({ dataFolder, port, smallJournal: true });
    return { address: url, ...server };
  });
}

async function openTemporal(dataFolder: string): Promise<KillableServer> {
  const port = await lastingPort();
  return createServerHandle(() =>
    startTemporal({ dataFolder, port, searchAttributes: searchAttributePairs, say: () => {} }),
  );
}

async function openDoors(sandbox: Sandbox): Promise<World['doors']> {
  const urls = sandbox.urls(tenant);
  const [optimove, promotions, platform, data] = await Promise.all([
    openDoor(urls.optimove),
    openDoor(urls.promotions),
    openDoor(urls.platform),
    openDoor(urls.data),
  ]);
  return { optimove, promotions, platform, data };
}

function urlsOf(doors: World['doors']): Record<FarSideName, string> {
  const { optimove, promotions, platform, data } = doors;
  return {
    optimove: optimove.url,
    promotions: promotions.url,
    platform: platform.url,
    data: data.url,
  };
}
