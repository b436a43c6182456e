import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import type pg from 'pg';
import { inject } from 'vitest';
import type { z } from 'zod';
import { hasSearchAttributes } from '../../local/search-attributes.ts';
import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { type AlertSettings, settingsOf, tenantFile } from '../../src/config/tenants.ts';
import * as shapes from '../../src/gateway/api/shapes.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { type Addresses, searchAttributePairs, type Wired, wire } from '../../src/wiring.ts';
import { installRuntime, runWorker } from '../../src/worker.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { createDatabase } from '../database.ts';
import { farSidesOf, operatorKey, type Tenancies, tenantFileOf, token } from './tenancy.ts';
import { until } from './until.ts';

/** One line of promoflow's log. */
export interface Line {
  level: 'info' | 'warn' | 'error';
  message: string;
  facts: Record<string, unknown>;
}

export type Assignment = z.output<typeof shapes.timelines>['assignments'][number];

/** promoflow as it runs in production, the sandbox around it, and the doors of both. */
export interface House {
  sandbox: Sandbox;
  pool: pg.Pool;
  client: Client;
  /** For a worker that runs in a process of its own. */
  addresses: Addresses;
  file: unknown;
  lines: Line[];
  /** The parts of the process, for what no door shows. */
  wired: Wired;
  hookUrl(tenant: string): string;
  /** Makes a campaign at the sandbox, whose events will come to our door. Returns its id. */
  createCampaign(tenant: string, options: CampaignOptions): string;
  /** What the operator API says of a campaign; undefined for 404. */
  read(tenant: string, campaignId: string): Promise<shapes.Campaign | undefined>;
  timeline(tenant: string, campaignId: string, customerId: string): Promise<Assignment[]>;
  /** Whether every webhook was relayed and no run of the campaign goes on. */
  isQuiet(tenant: string, campaignId: string): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Opens a house of its own for one test file: a ledger, a namespace, a port. Its tests each take a
 * tenant, so that they may run at once.
 */
export async function openHouse(
  tenancies: Tenancies,
  { hasWorker = true, alerts }: { hasWorker?: boolean; alerts?: AlertSettings } = {},
): Promise<House> {
  const database = await createDatabase();
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const namespace = await registerNamespace(connection);
  const connectionOptions = { address: inject('temporalAddress') };
  const addresses = { databaseUrl: database.url, temporal: { connectionOptions, namespace } };

  const sandbox = await startSandbox(farSidesOf(tenancies));
  const file = tenantFileOf(sandbox, tenancies);
  const { tenants, operatorKeys } = tenantFile.parse(file);
  const settings = Object.entries(tenants).map(([name, section]) => settingsOf(name, section));
  const lines: Line[] = [];
  const write = (level: Line['level']) => (facts: Line['facts'], message: string) => {
    lines.push({ level, facts, message });
  };
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const config = {
    publicUrl: undefined,
    operatorKeys,
    tenants: settings,
    ...(alerts && { alerts }),
  };
  const wired = wire(config, addresses, log);
  const gateway = await startGateway(wired, { host: '127.0.0.1', port: 0 });
  if (hasWorker) wired.metrics.join(installRuntime(log));
  const worker = hasWorker ? await runWorker(wired) : undefined;

  const client = new Client({ connection, namespace });
  const ask = async (path: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${operatorKey}` };
    const answer = await fetch(`${gateway.url}/api/tenants/${path}`, { headers });
    return answer.ok ? answer.json() : undefined;
  };
  const hookUrl = (tenant: string) => `${gateway.url}/hooks/${tenant}/${token}`;
  return {
    ...{ sandbox, wired, pool: wired.pool, client, addresses, file, lines, hookUrl },
    createCampaign: (tenant, options) =>
      sandbox.createCampaign(tenant, { hookUrl: hookUrl(tenant), ...options }),
    async read(tenant, campaignId) {
      const shown = await ask(`${tenant}/campaigns/${campaignId}`);
      return shown === undefined ? undefined : shapes.campaign.parse(shown);
    },
    async timeline(tenant, campaignId, customerId) {
      const shown = await ask(`${tenant}/customers/${customerId}/timeline?campaign=${campaignId}`);
      return shapes.timelines.parse(shown).assignments;
    },
    async isQuiet(tenant, campaignId) {
      const { webhooksDue } = shapes.status.parse(await ask(`${tenant}/status`));
      const id = { tenant, campaignId };
      const runs = [workflowId.campaign(id), workflowId.cancellation(id)];
      const running = await Promise.all(runs.map((run) => isRunning(client, run)));
      return webhooksDue === 0 && !running.includes(true);
    },
    async close() {
      await gateway.stop();
      // Whatever a failed test left running hears of its end at once.
      await sandbox.close();
      await worker?.stop();
      await wired.stop();
      await connection.close();
      await database.drop();
    },
  };
}

async function isRunning(client: Client, run: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(run).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** The task queue has one name; a namespace of its own keeps two files' workers apart. */
async function registerNamespace(connection: Connection): Promise<string> {
  const namespace = `whole-${randomUUID()}`;
  const workflowExecutionRetentionPeriod = msToTs('1 day');
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod,
  });
  await until(
    'the namespace is known, and its search attributes',
    () => hasSearchAttributes(connection, namespace, searchAttributePairs).catch(() => false),
    60_000,
  );
  return namespace;
}
