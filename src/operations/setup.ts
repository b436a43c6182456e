import { hasGate, type TenantSettings } from '../domain/tenant.ts';
import type { createPool } from '../ledger/pool.ts';
import {
  acceptRegistration,
  beginRegistration,
  type DoorAddress,
} from '../ledger/registrations.ts';
import type { Optimove } from '../world.ts';

/** How long a registration may take, the wait for a turn included. */
const boundMs = 60_000;

/** What is registered for a tenant, or why nothing can be. */
export type GatePlan =
  | { possible: true; generation: 'v1' | 'v2'; address: DoorAddress }
  | { possible: false; sentence: string };

/** The address at which Optimove is to ask a tenant's checks, as its configuration says. */
export function planGate(settings: TenantSettings, publicUrl: string | undefined): GatePlan {
  const { tenant, triggered, webhookToken } = settings;
  if (!triggered || !hasGate(settings)) {
    const sentence = `${tenant} has no gate: set triggered.gate of this tenant in the tenant file.`;
    return { possible: false, sentence };
  }
  if (publicUrl === undefined) {
    const sentence =
      'publicUrl is not set in the tenant file: Optimove must be told where it finds the gate.';
    return { possible: false, sentence };
  }
  const door = `${publicUrl.replace(/\/+$/, '')}/gate/${encodeURIComponent(tenant)}`;
  const address = { url: `${door}/${webhookToken}`, shown: `${door}/<webhookToken>` };
  return { possible: true, generation: triggered.registration, address };
}

/**
 * Tells Optimove where to ask, once; written down before and after, because nobody can ask Optimove what
 * it was told. Throws the Fault of a call that was not answered with yes: it may be done again.
 */
export async function registerGate(
  deps: { pool: ReturnType<typeof createPool>; optimove: Pick<Optimove, 'registerGate'> },
  tenant: string,
  { generation, address }: Extract<GatePlan, { possible: true }>,
): Promise<void> {
  const id = await beginRegistration(deps.pool, tenant, { generation, ...address });
  const rank = { class: 'interactive', deadline: Date.now() + boundMs, stage: 1 } as const;
  const signal = AbortSignal.timeout(boundMs);
  await deps.optimove.registerGate(address.url, generation, { rank, signal });
  await acceptRegistration(deps.pool, id);
}
