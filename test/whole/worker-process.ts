import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { House } from './house.ts';

const main = fileURLToPath(new URL('../../src/worker.ts', import.meta.url));

/** A worker as `npm run start:worker` runs it, in a process that a test may kill. */
export interface WorkerProcess {
  /** Kills it without a warning, and starts another. */
  replace(): Promise<void>;
  stop(): Promise<void>;
}

export function startWorkerProcess(house: House): WorkerProcess {
  const folder = mkdtempSync(join(tmpdir(), 'promoflow-worker-'));
  const config = join(folder, 'promoflow.yaml');
  writeFileSync(config, JSON.stringify(house.file), { mode: 0o600 });
  const { databaseUrl, temporal } = house.addresses;
  const start = () =>
    spawn(process.execPath, [main], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATABASE_URL: databaseUrl,
        TEMPORAL_ADDRESS: temporal.connectionOptions.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        PROMOFLOW_CONFIG: config,
        LOG_LEVEL: 'error',
      },
    });
  let child = start();
  return {
    async replace() {
      await kill(child);
      child = start();
    },
    async stop() {
      await kill(child);
      rmSync(folder, { recursive: true });
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
