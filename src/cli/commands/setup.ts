import type { Command } from 'commander';
import { gateCalls } from '../../adapters/optimove/optimove.ts';
import { createWorld } from '../../adapters/world.ts';
import type { Environment } from '../../config/environment.ts';
import { type Config, loadConfig } from '../../config/load.ts';
import { Fault } from '../../domain/fault.ts';
import type { TenantSettings } from '../../domain/tenant.ts';
import type { Pool } from '../../ledger/pool.ts';
import { lastRegistrations, type Registration } from '../../ledger/registrations.ts';
import { createTurns } from '../../limiter/turns.ts';
import { type GatePlan, planGate, registerGate } from '../../operations/setup.ts';
import { Failure } from '../failure.ts';
import { withLedger } from '../ledger.ts';
import { printFacts, printJson, writeInstant } from '../print.ts';

interface Options {
  tenant?: string;
  yes?: boolean;
  json?: boolean;
}

type Plan = Extract<GatePlan, { possible: true }>;

type LastRegistrations = Awaited<ReturnType<typeof lastRegistrations>>;

/** What was done, and what was before; for machines as it stands. */
interface Shown {
  tenant: string;
  call: string;
  address: string;
  registered: boolean;
  /** Undefined where there is no ledger to tell. */
  last: LastRegistrations | undefined;
  note: string;
}

/** `promoflow setup gate`: by the tenant file and the ledger, without the gateway. */
export function addSetup(program: Command, environment: Environment): void {
  const command = program.command('setup').description('tells Optimove where promoflow is');
  command
    .command('gate')
    .description(
      'registers the gate at which Optimove asks its checks; without --yes only shows how',
    )
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--yes', 'does it')
    .option('--json', 'for machines')
    .action(async ({ tenant, yes, json }: Options) => {
      const config = loadConfig(environment);
      const settings = tenantOf(config, tenant);
      const plan = planGate(settings, config.publicUrl);
      if (!plan.possible) throw new Failure(plan.sentence, 2);
      const shown = yes
        ? await withLedger(environment, (pool) => register(pool, settings, plan))
        : await show(environment, settings, plan);
      if (json) printJson(shown);
      else print(shown);
    });
}

function tenantOf({ tenants }: Config, name: string | undefined): TenantSettings {
  const names = tenants.map(({ tenant }) => tenant).join(', ');
  const [only, ...others] = tenants.filter(({ tenant }) => (name ?? tenant) === tenant);
  if (!only) throw new Failure(`The tenant file has no tenant ${name}; it has ${names}.`, 2);
  if (others.length > 0) throw new Failure(`Say which tenant with --tenant: ${names}.`, 2);
  return only;
}

async function register(pool: Pool, settings: TenantSettings, plan: Plan): Promise<Shown> {
  const { tenant } = settings;
  const { turn } = createTurns({ pool });
  const { optimove } = createWorld(settings, { turn, onUnauthorized: async () => {} });
  try {
    await registerGate({ pool, optimove }, tenant, plan);
  } catch (error) {
    const advice = adviceFor(error);
    if (advice === undefined) throw error;
    throw new Failure(`The gate of ${tenant} is not registered. ${advice}`);
  }
  const last = await lastRegistrations(pool, tenant, plan.address.url);
  return shownOf(settings, plan, { last, registered: true, note: 'Registered.' });
}

/** Without a ledger it can still be shown what would be done. */
async function show(
  environment: Environment,
  settings: TenantSettings,
  plan: Plan,
): Promise<Shown> {
  try {
    const last = await withLedger(environment, (pool) =>
      lastRegistrations(pool, settings.tenant, plan.address.url),
    );
    const note = 'Nothing was done: --yes registers it.';
    return shownOf(settings, plan, { last, registered: false, note });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const note = `Nothing was done; what was registered before stands in the ledger. ${error.message}`;
    return shownOf(settings, plan, { last: undefined, registered: false, note });
  }
}

function shownOf(
  { tenant, optimove }: TenantSettings,
  { generation, address }: Plan,
  done: Pick<Shown, 'registered' | 'last' | 'note'>,
): Shown {
  const { method, path } = gateCalls[generation];
  const call = `${method} ${optimove.baseUrl.replace(/\/+$/, '')}${path}`;
  return { tenant, call, address: address.shown, ...done };
}

function print({ tenant, call, address, last, note }: Shown): void {
  printFacts([
    ['tenant', tenant],
    ['call', call],
    ['address', address],
    ['last', last && describeLast(last)],
    ['since', last?.open && `${describe(last.open, last.open.askedAt)}; Optimove did not say yes`],
  ]);
  console.log(note);
}

function describeLast({ accepted }: LastRegistrations): string {
  return accepted ? describe(accepted, accepted.acceptedAt) : 'no registration of ours is known';
}

function describe({ address, generation, isSame }: Registration, at: number | null): string {
  const same = isSame ? 'this address' : `${address}, which is another address or token`;
  return `${writeInstant(at)} by ${generation}: ${same}`;
}

function adviceFor(error: unknown): string | undefined {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return 'No answer came in a minute, the wait for a turn included: Optimove may have heard it. Do it again.';
  }
  if (!(error instanceof Fault)) return undefined;
  const { kind, message } = error;
  switch (kind) {
    case 'unauthorized':
      return `${message}: mend optimove.apiKey in the tenant file; the key must be allowed to do it.`;
    case 'not_sent':
      return `${message}: nothing was changed. Try again.`;
    case 'unknown':
    case 'malformed':
      return `${message}: Optimove may have heard it. Do it again.`;
    case 'refused':
    case 'too_large':
      return `${message}: try triggered.registration with the other generation, v1 or v2, or ask Optimove.`;
  }
}
