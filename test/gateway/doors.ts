import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { settingsOf, tenantFile } from '../../src/config/tenants.ts';
import { createDecisions } from '../../src/decisions/check.ts';
import type { AlertReceiver } from '../../src/domain/alert.ts';
import type { TenantSettings } from '../../src/domain/tenant.ts';
import { type Gateway, startGateway } from '../../src/gateway/gateway.ts';
import { releaseByOperator } from '../../src/ledger/acts.ts';
import { createAlarm } from '../../src/ledger/alarm.ts';
import { findCampaign, openCampaign } from '../../src/ledger/campaigns.ts';
import { createInbox } from '../../src/ledger/inbox.ts';
import { createPool } from '../../src/ledger/pool.ts';
import { ledgerMissing } from '../../src/ledger/readiness.ts';
import { createUses } from '../../src/ledger/uses.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createCampaigns } from '../../src/operations/campaigns.ts';
import { createCustomers } from '../../src/operations/customers.ts';
import { createReconciliations } from '../../src/operations/reconcile.ts';
import { createSimulate } from '../../src/operations/simulate.ts';
import { createSuppressions } from '../../src/operations/suppressions.ts';
import { createTenants } from '../../src/operations/tenants.ts';
import type { Answer, Starts } from '../../src/starts.ts';
import type { World } from '../../src/world.ts';
import { createDatabase } from '../database.ts';

export const token = 'a-token-of-acme';
/** Of a role each: read, operate, approve. */
export const operatorKey = 'key-of-an-operator';
export const dutyKey = 'key-of-the-operator-on-duty';
export const chiefKey = 'key-of-the-chief';

/** One line of the log, with its message. */
export interface Line {
  level: 'info' | 'warn' | 'error';
  message: string;
  facts: Record<string, unknown>;
}

/** What the gateway asked of Temporal, in its order. */
export type Asked = {
  what:
    | 'campaign'
    | 'signal'
    | 'cancellation'
    | 'fulfilment'
    | 'reconciliation'
    | 'settlement'
    | 'grants';
  of: unknown;
};

export interface Doors {
  url: string;
  pool: pg.Pool;
  asked: Asked[];
  lines: Line[];
  /** Every further start fails, as with Temporal away. */
  loseTemporal(): void;
  findTemporal(): void;
  post(
    path: string,
    body: string | Uint8Array,
    headers?: Record<string, string>,
  ): Promise<Response>;
  hook(body: unknown): Promise<Response>;
  read(path: string): Promise<Response>;
  /** Acts as the operator on duty, or with another key. */
  act(path: string, body: unknown, key?: string): Promise<Response>;
  close(): Promise<void>;
}

export function acme(overrides: Record<string, unknown> = {}): TenantSettings {
  const file = tenantFile.parse({
    tenants: {
      acme: {
        timeZone: 'Europe/Malta',
        webhookToken: token,
        optimove: { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' },
        platform: { baseUrl: 'http://127.0.0.1:9', secret: 'whsec_c2VjcmV0c2VjcmV0' },
        ...overrides,
      },
    },
  });
  const section = file.tenants['acme'];
  if (!section) throw new Error('The tenant got lost');
  return settingsOf('acme', section);
}

/** A gateway on a port of its own, a ledger of its own, and a Temporal that only takes notes. */
export async function openDoors(
  options: {
    settings?: TenantSettings;
    /** In place of `settings`: what a test changes while the doors are open. */
    tenants?: Map<string, TenantSettings>;
    withoutLedger?: boolean;
    /** A ledger that these doors share with others, which is the caller's. */
    databaseUrl?: string;
    /** The tenants' far sides, for the gate. */
    worlds?: ReadonlyMap<string, World>;
    receiver?: AlertReceiver;
  } = {},
): Promise<Doors> {
  const isOwn = !options.withoutLedger && options.databaseUrl === undefined;
  const database = isOwn ? await createDatabase() : undefined;
  // Port 9 (discard) has no listener: a ledger that is away.
  const pool = createPool(
    options.databaseUrl ?? database?.url ?? 'postgres://nobody@127.0.0.1:9/nothing',
    8,
  );
  const asked: Asked[] = [];
  const lines: Line[] = [];
  let isAway = false;
  const note = async (what: Asked['what'], of: unknown): Promise<void> => {
    if (isAway) throw new Error('Temporal is away');
    asked.push({ what, of });
  };
  /** The run of a campaign, as its activities answer an update. */
  const update = async <T>(work: () => Promise<T>): Promise<Answer<T>> =>
    isAway ? { ended: 'away' } : { ended: 'answered', value: await work() };
  const starts: Pick<
    Starts,
    | 'startCampaign'
    | 'signalCampaign'
    | 'startCancellation'
    | 'startFulfilment'
    | 'kickSettlement'
    | 'kickGrants'
    | 'releaseCampaign'
    | 'retryCampaign'
    | 'startReconciliation'
  > = {
    startCampaign: (id, facts) => note('campaign', { ...id, ...facts }),
    signalCampaign: (id) => note('signal', id),
    startCancellation: (id, by) => note('cancellation', by ? { ...id, by } : id),
    startFulfilment: (id) => note('fulfilment', id),
    releaseCampaign: (id, releasing) =>
      update(async () => (await releaseByOperator(pool, id, releasing)) ?? null),
    retryCampaign: (id, acting) =>
      update(async () => {
        const plan = (await findCampaign(pool, id))?.plan;
        if (!plan) throw new Error('The campaign was never opened');
        return openCampaign(pool, id, plan, acting);
      }),
    async startReconciliation(of) {
      await note('reconciliation', of);
      return 'a-run';
    },
    kickSettlement: (tenant) => void note('settlement', tenant),
    kickGrants: (tenant) => void note('grants', tenant),
  };
  const write = (level: Line['level']) => (facts: Record<string, unknown>, message: string) => {
    lines.push({ level, message, facts });
  };
  const tenants = options.tenants ?? new Map([['acme', options.settings ?? acme()]]);
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const metrics = createMetrics({ pool, tenants, log });
  const kickSettlement = (tenant: string) => starts.kickSettlement(tenant);
  const gateway: Gateway = await startGateway(
    {
      inbox: createInbox(pool),
      uses: createUses(pool),
      alarm: createAlarm({ pool, log }),
      alertReceiver: () => options.receiver,
      starts,
      tenants,
      operatorKeys: [
        { name: 'ops', key: operatorKey, role: 'read' },
        { name: 'duty', key: dutyKey, role: 'operate' },
        { name: 'chief', key: chiefKey, role: 'approve' },
      ],
      operations: {
        tenants: createTenants({ pool, starts, log }),
        campaigns: createCampaigns({ pool, starts, log }),
        customers: createCustomers(pool),
        reconciliations: createReconciliations({ pool, starts, log }),
        suppressions: createSuppressions({ pool, starts, log }),
        simulate: createSimulate({ pool, tenants, worlds: options.worlds ?? new Map() }),
      },
      metrics,
      decisions: createDecisions({
        ...{ pool, log, metrics, kickSettlement },
        turns: createTurns({ pool }),
        worlds: options.worlds ?? new Map(),
      }),
      ledgerMissing: () => ledgerMissing(pool),
      temporalMissing: async () => (isAway ? 'Temporal does not answer' : undefined),
      log,
    },
    { host: '127.0.0.1', port: 0 },
  );
  const post: Doors['post'] = (path, body, headers = {}) =>
    fetch(`${gateway.url}${path}`, { method: 'POST', body: Buffer.from(body), headers });
  return {
    url: gateway.url,
    pool,
    asked,
    lines,
    loseTemporal: () => {
      isAway = true;
    },
    findTemporal: () => {
      isAway = false;
    },
    post,
    hook: (body) => post(`/hooks/acme/${token}`, JSON.stringify(body)),
    read: (path) =>
      fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${operatorKey}` } }),
    act: (path, body, key = dutyKey) =>
      post(path, JSON.stringify(body), {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
      }),
    async close() {
      await gateway.stop();
      if (!pool.ending) await pool.end();
      await database?.drop();
    },
  };
}

export function campaignId(): string {
  return `c-${randomUUID()}`;
}

/** `YYYY-MM-DD HH:MM:SS` in the tenant's zone, some minutes from now. */
export function localTime(minutesFromNow: number): string {
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'Europe/Malta',
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return parts.format(Date.now() + minutesFromNow * 60_000);
}

export function eventFive(id: string, minutesFromNow = 60): Record<string, unknown> {
  return {
    EventTypeID: 5,
    TimeStamp: localTime(0),
    CampaignID: id,
    CampaignDuration: 7,
    ClearanceRequiredBy: localTime(minutesFromNow),
  };
}

/** Waits for a condition; fails when the bound has passed first. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('what was waited for did not happen in 10 s');
    await delay(10);
  }
}
