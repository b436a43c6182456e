import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { startPostgres } from '../local/postgres.ts';
import { startTemporal } from '../local/temporal.ts';
import manifest from '../package.json' with { type: 'json' };
import type { CampaignId } from '../src/domain/words.ts';
import { findCampaign } from '../src/ledger/campaigns.ts';
import { timesOf } from '../src/ledger/counts.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { createPool } from '../src/ledger/pool.ts';
import { searchAttributePairs } from '../src/wiring.ts';
import {
  childWith,
  peakMiB,
  processorSeconds,
  runProgram,
  startProgram,
} from './campaign-processes.ts';
import { type Books, startSandbox } from './campaign-sandbox.ts';
import { documentedLimit, noLimit, tenant, tenantSection } from './campaign-tenant.ts';
import type { FloorTime } from './floor.ts';

export interface CampaignWish {
  customers: number;
  /** Customers' ids of 10 characters, or of 36 like a uuid. */
  ids: 'sequential' | 'uuid';
  /** Whether Optimove's allowance is kept, and judged. */
  isLimited: boolean;
  /** Where the worker's profiles go. */
  profile?: string | undefined;
}

/** One campaign that has been run, and what it took. */
export interface Run {
  /** promoflow: webhook to last report. A floor: first call to last answer. */
  seconds: number;
  books: Books;
  /** Processor seconds of each process meanwhile, by its name. */
  processor: Record<string, number>;
}

export interface PromoflowRun extends Run {
  workerMiB: number;
  ledgerMB: number;
}

const pollMs = 200;
const silent = () => {};

export type OnEnd = (end: () => Promise<void>) => void;

/** Everything a run starts, stopped in reverse; all of it is fresh, so that no run helps another. */
export async function withFolder<T>(
  work: (folder: string, onEnd: OnEnd) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-bench-'));
  const ends: (() => Promise<void>)[] = [];
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(folder, (end) => ends.unshift(end));
  } finally {
    for (const end of ends) await end();
    process.off('exit', remove);
    remove();
  }
}

export async function freshLedger(folder: string, onEnd: OnEnd) {
  const postgres = await startPostgres({ dataFolder: folder });
  onEnd(postgres.stop);
  await migrate(postgres.url);
  return { url: postgres.url, pid: childWith(join(folder, 'postgres')) };
}

/** What each process spends from now on, until the function it returns is called. */
export function watchProcessors(pids: Record<string, number>): () => Record<string, number> {
  const spent = () =>
    Object.entries(pids).map(([name, pid]) => [name, processorSeconds(pid)] as const);
  const before = new Map(spent());
  return () =>
    Object.fromEntries(spent().map(([name, now]) => [name, now - (before.get(name) ?? 0)]));
}

/** A floor: the same calls without promoflow; with the ledger's statements where `isStored`. */
export async function runFloor(wish: CampaignWish, isStored: boolean): Promise<Run> {
  return withFolder(async (folder, onEnd) => {
    const ledger = isStored ? await freshLedger(folder, onEnd) : undefined;
    const sandbox = await startSandbox(folder, wish);
    onEnd(sandbox.stop);
    const watched = watchProcessors({
      sandbox: sandbox.pid,
      ...(ledger && { Postgres: ledger.pid }),
    });
    const line = await runProgram({
      main: 'bench/floor.ts',
      args: [
        ...['--sandbox', sandbox.url, '--campaign', sandbox.campaignId],
        ...(ledger ? ['--database', ledger.url] : []),
      ],
      ready: /^(\{.*\})$/m,
    });
    const { seconds, processorSeconds: own }: FloorTime = JSON.parse(line);
    const processor = { ...watched(), script: own };
    return { seconds, processor, books: await sandbox.books() };
  });
}

/** promoflow itself: gateway, worker, Temporal and Postgres, each a process of its own. */
export async function runPromoflow(wish: CampaignWish): Promise<PromoflowRun> {
  return withFolder(async (folder, onEnd) => {
    const ledger = await freshLedger(folder, onEnd);
    const temporal = await startTemporal({
      dataFolder: folder,
      searchAttributes: searchAttributePairs,
      say: silent,
    });
    onEnd(temporal.stop);
    const sandbox = await startSandbox(folder, wish);
    onEnd(sandbox.stop);
    const token = randomBytes(16).toString('hex');
    const config = join(folder, 'promoflow.json');
    const rateLimit = wish.isLimited ? documentedLimit : noLimit;
    writeFileSync(
      config,
      JSON.stringify({ tenants: { [tenant]: tenantSection(sandbox, token, rateLimit) } }),
    );
    const env = {
      DATABASE_URL: ledger.url,
      TEMPORAL_ADDRESS: temporal.address,
      PROMOFLOW_CONFIG: config,
      PROMOFLOW_PORT: '0',
    };
    const worker = await startProgram({
      main: 'src/worker.ts',
      env,
      nodeFlags: [...flagsOf('start:worker'), ...profileFlags(wish.profile)],
      ready: /the worker is running/,
    });
    onEnd(worker.stop);
    const gateway = await startProgram({
      main: 'src/gateway/main.ts',
      env,
      ready: /"url":"([^"]+)"/,
    });
    onEnd(gateway.stop);
    const watched = watchProcessors({
      ...{ sandbox: sandbox.pid, Postgres: ledger.pid, worker: worker.pid, gateway: gateway.pid },
      Temporal: childWith(join(folder, 'temporal')),
    });
    await sandbox.announce(`${gateway.said}/hooks/${tenant}/${token}`);
    const pool = createPool(ledger.url, 1);
    const ended = followToTheEnd(pool, sandbox, boundOf(wish));
    const seconds = await Promise.race([ended, worker.died, gateway.died]).catch((error) => {
      throw new Error(`The campaign did not end. The worker's last words:\n${worker.lastWords()}`, {
        cause: error,
      });
    });
    const processor = watched();
    const workerMiB = peakMiB(worker.pid);
    const ledgerMB = await measureLedger(pool);
    await pool.end();
    return { seconds, processor, workerMiB, ledgerMB, books: await sandbox.books() };
  });
}

/** Node's own flags in one of the package's commands: the bench starts what its users start. */
export function flagsOf(command: keyof typeof manifest.scripts): string[] {
  return manifest.scripts[command].split(' ').filter((word) => word.startsWith('--'));
}

export function profileFlags(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

/** Many times what a campaign takes; only a run that hangs comes to it. */
function boundOf({ customers }: CampaignWish): number {
  return 180_000 + 2 * customers;
}

/** Waits until the campaign is closed; returns the seconds from its webhook to its last report. */
export async function followToTheEnd(
  pool: pg.Pool,
  { tenant, campaignId }: CampaignId,
  boundMs: number,
): Promise<number> {
  for (const giveUpAt = Date.now() + boundMs; Date.now() < giveUpAt; await delay(pollMs)) {
    const campaign = await findCampaign(pool, { tenant, campaignId });
    if (campaign?.phase === 'closed') {
      const { receivedAt, lastReportAt } = await timesOf(pool, campaign.ref);
      return (lastReportAt - receivedAt) / 1_000;
    }
  }
  throw new Error(`It was not over after ${boundMs / 1_000} s`);
}

/** All tables with their indexes, after the vacuum that Postgres would come to by itself. */
async function measureLedger(pool: pg.Pool): Promise<number> {
  await pool.query('vacuum');
  const { rows } = await pool.query<{ mb: number }>(
    `select sum(pg_total_relation_size(oid))::float8 / 1e6 as mb from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  return rows[0]?.mb ?? Number.NaN;
}
