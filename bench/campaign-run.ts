import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { CampaignId } from '../src/domain/words.ts';
import { findCampaign } from '../src/ledger/campaigns.ts';
import { timesOf } from '../src/ledger/counts.ts';
import { createPool } from '../src/ledger/pool.ts';
import { peakMiB, processorSeconds, runProgram } from './campaign-processes.ts';
import { type Books, startSandbox } from './campaign-sandbox.ts';
import { documentedLimit, noLimit, tenant, tenantSection } from './campaign-tenant.ts';
import type { FloorTime } from './floor.ts';
import { withFolder } from './folder.ts';
import { freshLedger, type Promoflow, startPromoflow } from './promoflow.ts';

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
    const sandbox = await startSandbox(folder, wish);
    onEnd(sandbox.stop);
    const token = randomBytes(16).toString('hex');
    const rateLimit = wish.isLimited ? documentedLimit : noLimit;
    const tenants = { [tenant]: tenantSection(sandbox, token, rateLimit) };
    const profiles = { worker: wish.profile };
    const promoflow = await startPromoflow(folder, onEnd, tenants, profiles);
    const { ledger, worker, gateway, temporal, url } = promoflow;
    const watched = watchProcessors({
      ...{ sandbox: sandbox.pid, Postgres: ledger.pid, worker: worker.pid, gateway: gateway.pid },
      Temporal: temporal.pid,
    });
    await sandbox.announce(`${url}/hooks/${tenant}/${token}`);
    const pool = createPool(ledger.url, 1);
    const ended = followToTheEnd(pool, sandbox, boundOf(wish));
    const seconds = await whileAlive(promoflow, ended);
    const processor = watched();
    const workerMiB = peakMiB(worker.pid);
    const ledgerMB = await measureLedger(pool);
    await pool.end();
    return { seconds, processor, workerMiB, ledgerMB, books: await sandbox.books() };
  });
}

/** What comes of `work`, or the worker's last words where it fails or a process dies meanwhile. */
export async function whileAlive<T>(
  { worker, gateway }: Pick<Promoflow, 'worker' | 'gateway'>,
  work: Promise<T>,
): Promise<T> {
  return Promise.race([work, worker.died, gateway.died]).catch((error) => {
    throw new Error(`The campaign did not end. The worker's last words:\n${worker.lastWords()}`, {
      cause: error,
    });
  });
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
export async function measureLedger(pool: pg.Pool): Promise<number> {
  await pool.query('vacuum');
  const { rows } = await pool.query<{ mb: number }>(
    `select sum(pg_total_relation_size(oid))::float8 / 1e6 as mb from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  return rows[0]?.mb ?? Number.NaN;
}
