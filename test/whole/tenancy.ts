import type { SandboxOptions } from '../../sandbox/options.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';

/** The secret last part of every tenant's webhook address. */
export const token = 'whole-run-token';
export const operatorKey = 'whole-run-operator';

/** A tenant of one test: its section of the tenant file, and how its far sides behave. */
export interface Tenancy {
  /** Laid over the default section, key by key; `null` leaves a part out. */
  section?: Record<string, Record<string, unknown> | string[] | string | null>;
  farSides?: NonNullable<SandboxOptions['tenants']>[string];
  hasDataConnection?: boolean;
  hasPublisher?: boolean;
}

export type Tenancies = Record<string, Tenancy>;

/** The far sides of all tenants; without a limiter, so that tests need not wait for turns. */
export function farSidesOf(tenancies: Tenancies): SandboxOptions {
  const tenants = Object.entries(tenancies).map(([name, { farSides }]) => [
    name,
    { optimove: { limit: null }, promotions: { limit: null }, ...farSides },
  ]);
  return { tenants: Object.fromEntries(tenants) };
}

/** The tenant file by which promoflow serves these tenants. */
export function tenantFileOf(sandbox: Sandbox, tenancies: Tenancies) {
  const tenants = Object.entries(tenancies).map(([name, tenancy]) => [
    name,
    lay(defaultSection(sandbox, name, tenancy), tenancy.section ?? {}),
  ]);
  return {
    operatorKeys: [{ name: 'tests', key: operatorKey, role: 'operate' }],
    tenants: Object.fromEntries(tenants),
  };
}

function defaultSection(
  sandbox: Sandbox,
  tenant: string,
  { hasDataConnection, hasPublisher }: Tenancy,
): Record<string, unknown> {
  const urls = sandbox.urls(tenant);
  const connection = { baseUrl: urls.data, connectionId: 'c1', apiKey: 'k', brandKey: 'b' };
  return {
    timeZone: 'UTC',
    webhookToken: token,
    optimove: {
      baseUrl: urls.optimove,
      apiKey: 'sandbox-optimove-key',
      rateLimit: { requests: 100_000, perSeconds: 1 },
      pageSize: 500,
    },
    promotions: { baseUrl: urls.promotions, apiKey: 'sandbox-promotions-key' },
    platform: {
      baseUrl: urls.platform,
      secret: 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=',
      screening: true,
    },
    ...(hasDataConnection && { dataConnection: connection }),
    ...(hasPublisher && {
      publisher: { baseUrl: urls.publisher, apiKey: 'sandbox-publisher-key' },
    }),
    scheduled: { redeemEveryMinutes: 0, clearanceMarginSeconds: 1 },
  };
}

function lay(
  defaults: Record<string, unknown>,
  over: NonNullable<Tenancy['section']>,
): Record<string, unknown> {
  const laid = { ...defaults };
  for (const [key, value] of Object.entries(over)) {
    const before = laid[key];
    if (value === null) delete laid[key];
    else if (typeof value === 'object' && typeof before === 'object')
      laid[key] = { ...before, ...value };
    else laid[key] = value;
  }
  return laid;
}
