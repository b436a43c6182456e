import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startTemporal } from '../local/temporal.ts';
import { createPool } from '../src/ledger/pool.ts';
import { searchAttributePairs } from '../src/wiring.ts';
import { childWith, startProgram } from './campaign-processes.ts';
import {
  flagsOf,
  followToTheEnd,
  freshLedger,
  type OnEnd,
  profileFlags,
  withFolder,
} from './campaign-run.ts';
import { openSandbox } from './campaign-sandbox.ts';
import {
  deadlineInSeconds,
  documentedLimit,
  noLimit,
  sandboxFile,
  tenant,
  tenantFile,
} from './campaign-tenant.ts';

/** How long the far sides take, milliseconds. */
const latencyMs = { promotions: 50, platform: 20 };

const campaignWithinMs = 1_800_000;

type Sandbox = Awaited<ReturnType<typeof openSandbox>>;

/** A gate and what belongs to it, each part a process. */
export interface Place {
  sandbox: Sandbox;
  /** The processes whose time counts, by their names. */
  pids: Record<string, number>;
  gateUrl: string;
  bareUrl: string;
  /** What the gateway has counted so far: answers by cause. */
  causes(): Promise<Map<string, number>>;
  /** Runs a scheduled campaign; returns the seconds from its webhook to its last report. */
  runCampaign(customers: number): Promise<number>;
}

/** Starts promoflow, the bare handler and the sandbox that fires at both; ends all of it after `work`. */
export async function withPlace<T>(
  wish: { isLimited: boolean; profile: string | undefined },
  work: (place: Place) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder, onEnd) => work(await open(folder, onEnd, wish)));
}

async function open(
  folder: string,
  onEnd: OnEnd,
  { isLimited, profile }: { isLimited: boolean; profile: string | undefined },
): Promise<Place> {
  const ledger = await freshLedger(folder, onEnd);
  const temporal = await startTemporal({
    dataFolder: folder,
    searchAttributes: searchAttributePairs,
    say: () => {},
  });
  onEnd(temporal.stop);
  const sandbox = await openSandbox(folder, sandboxFile(isLimited, { latencyMs }));
  onEnd(sandbox.stop);
  const token = randomBytes(16).toString('hex');
  const config = join(folder, 'promoflow.json');
  const rateLimit = isLimited ? documentedLimit : noLimit;
  const file = tenantFile(sandbox.url, token, rateLimit, { triggered: { gate: true } });
  writeFileSync(config, JSON.stringify(file));
  const env = {
    DATABASE_URL: ledger.url,
    TEMPORAL_ADDRESS: temporal.address,
    PROMOFLOW_CONFIG: config,
    PROMOFLOW_PORT: '0',
    LOG_LEVEL: 'warn',
  };
  const worker = await startProgram({
    main: 'src/worker.ts',
    env: { ...env, LOG_LEVEL: 'info' },
    nodeFlags: flagsOf('start:worker'),
    ready: /the worker is running/,
  });
  onEnd(worker.stop);
  const gateway = await startProgram({
    main: 'src/gateway/main.ts',
    env: { ...env, LOG_LEVEL: 'info' },
    nodeFlags: profileFlags(profile),
    ready: /"url":"([^"]+)"/,
  });
  onEnd(gateway.stop);
  const bare = await startProgram({
    main: 'bench/bare-gate.ts',
    args: ['--sandbox', sandbox.url],
    ready: /bare gate at (\S+)/,
  });
  onEnd(bare.stop);
  const pool = createPool(ledger.url, 1);
  onEnd(() => pool.end());
  return {
    sandbox,
    pids: {
      ...{ gateway: gateway.pid, bare: bare.pid, sandbox: sandbox.pid, worker: worker.pid },
      Postgres: ledger.pid,
      Temporal: childWith(join(folder, 'temporal')),
    },
    gateUrl: `${gateway.said}/gate/${tenant}/${token}`,
    bareUrl: `${bare.said}/gate`,
    causes: () => readCauses(gateway.said),
    async runCampaign(customers) {
      const campaign = { customers, ids: 'sequential', deadlineInSeconds };
      const { campaignId } = await sandbox.control<{ campaignId: number }>(
        'POST',
        'campaigns',
        campaign,
      );
      const hookUrl = `${gateway.said}/hooks/${tenant}/${token}`;
      await sandbox.control('POST', `campaigns/${campaignId}/announce`, { hookUrl });
      return followToTheEnd(pool, String(campaignId), campaignWithinMs);
    },
  };
}

const line = /^promoflow_checks_total\{([^}]*)\} (\d+)$/gm;

async function readCauses(gatewayUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${gatewayUrl}/metrics`)).text();
  const causes = new Map<string, number>();
  for (const [, labels = '', count] of text.matchAll(line)) {
    const [, cause = ''] = /cause="([^"]*)"/.exec(labels) ?? [];
    causes.set(cause, (causes.get(cause) ?? 0) + Number(count));
  }
  return causes;
}

/** Waits until nobody has worked for a while, so that a stage does not pay for the one before. */
export const rest = (): Promise<void> => delay(1_000);
