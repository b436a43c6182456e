import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from '../local/postgres.ts';
import { startTemporal } from '../local/temporal.ts';
import manifest from '../package.json' with { type: 'json' };
import { migrate } from '../src/ledger/migrate.ts';
import { searchAttributePairs } from '../src/wiring.ts';
import { childWith, type Program, startProgram } from './campaign-processes.ts';
import type { OnEnd } from './folder.ts';

/** promoflow itself: gateway, worker, Temporal and Postgres, each a process of its own. */
export interface Promoflow {
  ledger: Ledger;
  temporal: { pid: number };
  worker: Program;
  gateway: Program;
  /** Where the gateway is reached. */
  url: string;
}

export interface Ledger {
  url: string;
  pid: number;
}

/** Where the processor profiles of each process go; measured times are slower with one. */
export interface Profiles {
  worker?: string | undefined;
  gateway?: string | undefined;
}

/** Starts promoflow for these sections of a tenant file, on an empty ledger and an empty Temporal. */
export async function startPromoflow(
  folder: string,
  onEnd: OnEnd,
  tenants: Record<string, unknown>,
  profiles: Profiles = {},
): Promise<Promoflow> {
  const ledger = await freshLedger(folder, onEnd);
  const temporal = await startTemporal({
    dataFolder: folder,
    searchAttributes: searchAttributePairs,
    say: () => {},
  });
  onEnd(temporal.stop);
  const config = join(folder, 'promoflow.json');
  writeFileSync(config, JSON.stringify({ tenants }));
  const env = {
    DATABASE_URL: ledger.url,
    TEMPORAL_ADDRESS: temporal.address,
    PROMOFLOW_CONFIG: config,
    PROMOFLOW_PORT: '0',
  };
  const worker = await startProgram({
    main: 'src/worker.ts',
    env,
    nodeFlags: [...flagsOf('start:worker'), ...profileFlags(profiles.worker)],
    ready: /the worker is running/,
  });
  onEnd(worker.stop);
  const gateway = await startProgram({
    main: 'src/gateway/main.ts',
    env,
    nodeFlags: profileFlags(profiles.gateway),
    ready: /"url":"([^"]+)"/,
  });
  onEnd(gateway.stop);
  const pid = childWith(join(folder, 'temporal'));
  return { ledger, temporal: { pid }, worker, gateway, url: gateway.said };
}

/** An empty ledger on a Postgres of its own. */
export async function freshLedger(folder: string, onEnd: OnEnd): Promise<Ledger> {
  const postgres = await startPostgres({ dataFolder: folder });
  onEnd(postgres.stop);
  await migrate(postgres.url);
  return { url: postgres.url, pid: childWith(join(folder, 'postgres')) };
}

/** Node's own flags in one of the package's commands: the bench starts what its users start. */
function flagsOf(command: keyof typeof manifest.scripts): string[] {
  return manifest.scripts[command].split(' ').filter((word) => word.startsWith('--'));
}

function profileFlags(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
