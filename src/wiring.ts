import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Environment } from './config/environment.ts';
import type { Config } from './config/load.ts';
import { ConfigError } from './config/mistakes.ts';
import { createDecisions } from './decisions/check.ts';
import { hasGate } from './domain/tenant.ts';
import { createAlarm } from './ledger/alarm.ts';
import { createContacts } from './ledger/contacts.ts';
import { createInbox } from './ledger/inbox.ts';
import { createPool } from './ledger/pool.ts';
import { ledgerMissing } from './ledger/readiness.ts';
import { rehearse } from './ledger/rehearsal.ts';
import { createUses } from './ledger/uses.ts';
import { createTurns } from './limiter/turns.ts';
import { createMetrics } from './metrics.ts';
import { createCampaigns } from './operations/campaigns.ts';
import { createCustomers } from './operations/customers.ts';
import { createReconciliations } from './operations/reconcile.ts';
import { createSimulate } from './operations/simulate.ts';
import { createSuppressions } from './operations/suppressions.ts';
import { createTenants } from './operations/tenants.ts';
import { serve } from './served.ts';
import { createStarts } from './starts.ts';
import { searchAttributeKeys } from './workflows/ids.ts';
import type { Log } from './world.ts';

export interface Temporal {
  connectionOptions: NativeConnectionOptions;
  namespace: string;
  /** Where its Web UI is, when we started the server. */
  webUi?: string;
}

export interface Addresses {
  databaseUrl: string;
  temporal: Temporal;
}

export type Wired = ReturnType<typeof wire>;

/** The ledger's connections that are the gate's alone. */
const gateConnections = 10;
/** Of all others those that stay open: webhooks come all at once. */
const keptConnections = 4;

/** Joins all parts of one process. Opens no connection: the first use does. */
export function wire(config: Config, addresses: Addresses, log: Log) {
  const { databaseUrl, temporal } = addresses;
  const pool = createPool(databaseUrl, 20, keptConnections);
  const starts = createStarts(temporal, log);
  const turns = createTurns({ pool });
  const contacts = createContacts(pool);
  const served = serve({ pool, starts, turns, contacts, log });
  served.apply(config);
  const { tenants, worlds } = served;
  const metrics = createMetrics({ pool, tenants, log });
  const kickSettlement = (tenant: string) => starts.kickSettlement(tenant);
  // Whoever waits for an answer must not wait behind bulk work for a connection.
  const gatePool = createPool(databaseUrl, gateConnections, gateConnections);
  return {
    ...served,
    pool,
    starts,
    turns,
    log,
    temporal,
    alarm: createAlarm({ pool, log }),
    inbox: createInbox(pool),
    uses: createUses(pool),
    operations: {
      tenants: createTenants({ pool, starts, log }),
      campaigns: createCampaigns({ pool, starts, log }),
      customers: createCustomers(pool),
      reconciliations: createReconciliations({ pool, starts, log }),
      suppressions: createSuppressions({ pool, starts, log }),
      simulate: createSimulate({ pool, tenants, worlds }),
    },
    decisions: createDecisions({
      ...{ pool: gatePool, turns: createTurns({ pool: gatePool }), worlds, log, metrics },
      kickSettlement,
    }),
    /** Before the gate opens, so that its first checks find everything open. Never rejects. */
    async rehearse(): Promise<void> {
      if (![...tenants.values()].some(hasGate)) return;
      await rehearse(gatePool, gateConnections).catch((error: unknown) => {
        log.warn({ error: String(error) }, 'the first checks will be slow');
      });
    },
    metrics,
    ledgerMissing: () => ledgerMissing(pool),
    temporalMissing: () => starts.missing(),
    kickSettlement,
    /** Lets go of the ledger and of Temporal; the doors and the worker have been stopped before. */
    async stop(): Promise<void> {
      contacts.stop();
      await starts.stop();
      await Promise.all([pool.end(), gatePool.end()]);
    },
  };
}

/** How to reach Temporal by the environment: address, namespace, key, TLS, or a profile's file. */
export function temporalOf({ variables, temporalNamespace }: Environment): Temporal {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars });
  return { connectionOptions, namespace: namespace ?? temporalNamespace };
}

/** The addresses of a gateway or worker that runs apart: its servers are there already. */
export function addressesOf(environment: Environment): Addresses {
  const { databaseUrl } = environment;
  if (databaseUrl === undefined) {
    const message = 'is not set; `npm start` brings a database of its own, the parts apart do not';
    throw new ConfigError([{ path: 'DATABASE_URL', message }]);
  }
  return { databaseUrl, temporal: temporalOf(environment) };
}

/** The search attributes as the dev server is told of them: `PromoflowTenant=Keyword`. */
export const searchAttributePairs = Object.values(searchAttributeKeys).map(
  ({ name, type }) => `${name}=${type.charAt(0)}${type.slice(1).toLowerCase()}`,
);

/** Everything must be over in 25 s; what is left then is ended by our own end. */
const stopBoundMs = 22_000;

/**
 * Runs a process until a signal: `start` registers how each part it started is stopped, and they are
 * stopped in reverse. A mistake in the configuration exits 2, any other failure 1, in one clear text.
 */
export async function runUntilSignal(
  start: (onStop: (stop: () => Promise<void>) => void) => Promise<void>,
): Promise<void> {
  const stops: (() => Promise<void>)[] = [];
  async function stopAll(): Promise<void> {
    for (const stop of stops.splice(0).reverse()) await stop().catch(report);
  }
  const ended = Promise.withResolvers<number>();
  const onSignal = () => {
    setTimeout(() => process.exit(1), stopBoundMs).unref();
    ended.resolve(0);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  start((stop) => stops.push(stop)).catch((error) => {
    report(error);
    ended.resolve(error instanceof ConfigError ? 2 : 1);
  });
  const code = await ended.promise;
  await stopAll();
  process.exit(code);
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message || error.stack : error}\n`);
}
