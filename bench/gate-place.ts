import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CampaignOptions } from '../sandbox/campaign.ts';
import { createPool, type Pool } from '../src/ledger/pool.ts';
import { startProgram } from './campaign-processes.ts';
import { followToTheEnd } from './campaign-run.ts';
import {
  createCampaign,
  openSandbox,
  order,
  type Played,
  type Sandbox,
} from './campaign-sandbox.ts';
import {
  deadlineInSeconds,
  documentedLimit,
  noLimit,
  sandboxSection,
  tenant,
  tenantSection,
} from './campaign-tenant.ts';
import { type OnEnd, withFolder } from './folder.ts';
import { startPromoflow } from './promoflow.ts';

/** How long the far sides take, milliseconds. */
const latencyMs = { promotions: 50, platform: 20 };

const campaignWithinMs = 1_800_000;

/** promoflow and what belongs to it, each part a process. */
export interface Place {
  sandbox: Sandbox;
  /**
   * Another tenant of the same promoflow, for whom a large campaign runs. Its far sides are a process of their
   * own: what plays and measures the checks must not be held up by batches that only the campaign sends.
   */
  bulk: Played | undefined;
  ledger: Pool;
  /** The processes whose time counts, by their names. */
  pids: Record<string, number>;
  gateUrl: string;
  hookUrl: string;
  claimsUrl: string;
  /** The key under which the tenant's shop claims. */
  shopKey: string;
  /** What the gateway has counted so far: checks by the cause of their answer. */
  causes(): Promise<Map<string, number>>;
}

/** A place with a bare handler to measure the gate beside. */
export interface GatePlace extends Place {
  bareUrl: string;
}

interface Wish {
  isLimited: boolean;
  /** Where the gateway's processor profile goes. */
  profile: string | undefined;
  /** What is laid over the tenant's section. */
  section: Record<string, unknown>;
  hasBulk?: boolean;
}

/** Starts promoflow and the sandbox that fires at it; ends all of it after `work`. */
export async function withPlace<T>(wish: Wish, work: (place: Place) => Promise<T>): Promise<T> {
  return withFolder(async (folder, onEnd) => work(await open(folder, onEnd, wish)));
}

/** The same with a gate, and the bare handler. */
export async function withGate<T>(
  wish: Omit<Wish, 'section'>,
  work: (place: GatePlace) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder, onEnd) => {
    const place = await open(folder, onEnd, { ...wish, section: { triggered: { gate: true } } });
    const bare = await startProgram({
      main: 'bench/bare-gate.ts',
      args: ['--sandbox', place.sandbox.url],
      ready: /bare gate at (\S+)/,
    });
    onEnd(bare.stop);
    const pids = { ...place.pids, bare: bare.pid };
    return work({ ...place, pids, bareUrl: `${bare.said}/gate` });
  });
}

async function open(
  folder: string,
  onEnd: OnEnd,
  { isLimited, profile, section, hasBulk }: Wish,
): Promise<Place> {
  const sandbox = await openSandbox(folder, sandboxSection(isLimited, { latencyMs }));
  onEnd(sandbox.stop);
  const other = hasBulk ? await openSandbox(folder, sandboxSection(isLimited), 'bulk') : undefined;
  if (other) onEnd(other.stop);
  const [token, shopKey] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const rateLimit = isLimited ? documentedLimit : noLimit;
  const tenants = {
    [tenant]: tenantSection(sandbox, token, rateLimit, { apiKeys: [shopKey], ...section }),
    ...(other && { [other.tenant]: tenantSection(other, token, rateLimit) }),
  };
  const promoflow = await startPromoflow(folder, onEnd, tenants, { gateway: profile });
  const { url, gateway, worker, temporal } = promoflow;
  const ledger = createPool(promoflow.ledger.url, 1);
  onEnd(() => ledger.end());
  return {
    ...{ sandbox, ledger, shopKey },
    bulk: other && { sandbox: other, hookUrl: `${url}/hooks/${other.tenant}/${token}` },
    pids: {
      ...{ gateway: gateway.pid, sandbox: sandbox.pid, worker: worker.pid },
      ...(other && { bulk: other.pid }),
      ...{ Postgres: promoflow.ledger.pid, Temporal: temporal.pid },
    },
    gateUrl: `${url}/gate/${tenant}/${token}`,
    hookUrl: `${url}/hooks/${tenant}/${token}`,
    claimsUrl: `${url}/claims/${tenant}`,
    causes: () => readCauses(url),
  };
}

/** Makes a scheduled campaign in the sandbox, and sends event 5. Returns its id. */
export async function announceCampaign(of: Played, campaign: CampaignOptions): Promise<string> {
  const campaignId = await createCampaign(of, campaign);
  await order(of, campaignId, 'announce');
  return campaignId;
}

/** Runs a scheduled campaign; returns the seconds from its webhook to its last report. */
export async function runCampaign(ledger: Pool, bulk: Played, customers: number): Promise<number> {
  const campaign = { customers, ids: 'sequential', deadlineInSeconds } as const;
  const campaignId = await announceCampaign(bulk, campaign);
  const { tenant } = bulk.sandbox;
  return followToTheEnd(ledger, { tenant, campaignId }, campaignWithinMs);
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

/** Looks until it is so; throws with `what` when that takes longer than `boundMs`. */
export async function until(
  what: string,
  boundMs: number,
  isSo: () => Promise<boolean>,
  lookEveryMs = 250,
): Promise<void> {
  for (const giveUpAt = Date.now() + boundMs; !(await isSo()); await delay(lookEveryMs)) {
    if (Date.now() > giveUpAt) throw new Error(`${boundMs / 1_000} s later, ${what}`);
  }
}
