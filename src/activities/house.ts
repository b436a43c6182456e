import type { TenantSettings } from '../domain/tenant.ts';
import type { House } from '../stages/scene.ts';
import type { World } from '../world.ts';

/** What the activities work with: the ledger, the limiter's turns, and each tenant's far sides. */
export interface Activated extends House {
  worlds: ReadonlyMap<string, World>;
  tenants: ReadonlyMap<string, TenantSettings>;
  /** Tells the settlement story that there may be a debt; at most once a second a tenant. */
  kickSettlement(tenant: string): void;
}

export function worldOf(house: Activated, tenant: string): World {
  const world = house.worlds.get(tenant);
  if (!world) throw new Error(`Tenant ${tenant} is not in the configuration`);
  return world;
}

export function settingsOf(house: Activated, tenant: string): TenantSettings {
  const settings = house.tenants.get(tenant);
  if (!settings) throw new Error(`Tenant ${tenant} is not in the configuration`);
  return settings;
}
