import { createSecretKey, type KeyObject } from 'node:crypto';
import { type Campaign, countCall } from './campaign.ts';
import { createFaults, type Faults } from './faults.ts';
import { createKeyTable, type KeyTable } from './key-table.ts';
import { createWindow, type Window } from './limiter.ts';
import type { FarSide, Latencies, Profile, TenantOptions } from './options.ts';
import { createKeys, type Keys } from './platform/keys.ts';
import { createPromotion, type Promotion } from './promotions/promotion.ts';
import { createViolations, type Violations } from './violations.ts';
import type { Delivery } from './webhooks.ts';

/** All far sides of one tenant, and what they remember. */
export interface Tenant {
  name: string;
  seed: number;
  options: TenantOptions;
  profile: Profile;
  latencyMs: Latencies;
  /** While true, every key is refused with 401. */
  keyBroken: boolean;
  campaigns: Map<string, Campaign>;
  /** Campaigns by their small number; 0 stays free. */
  numbered: (Campaign | undefined)[];
  promotions: Map<string, Promotion>;
  /** What calls to the platform are signed with. */
  signingKey: KeyObject;
  keys: Keys;
  idempotency: Map<string, string>;
  redemptions: { ids: KeyTable; contents: number[] };
  /** Who was given which unique code at the platform, by the code. */
  uniqueOwners: Keys;
  windows: Partial<Record<FarSide, Window>>;
  faults: Faults;
  calls: Map<string, number>;
  /** Arrivals of the limited calls that were let in, epoch ms: shows how well a limit is used. */
  arrivals: number[];
  /** Every call that was acted on, in the order of arrival: shows how soon work goes on after a kill. */
  timeline: { kind: string; arrivedAtMs: number }[];
  http429: number;
  /** Calls refused with 401, and when they came to Optimove or Promotions (epoch ms). */
  unauthorized: number;
  refusedKeys: number[];
  /** Batches of the data connection that were begun and not completed: nobody can query them. */
  openUploads: Set<string>;
  deliveries: Delivery[];
  /** Where checks go: what was told, until a gate is registered. */
  gateUrls: string[];
  violations: Violations;
}

export function createTenant(name: string, options: TenantOptions, seed: number): Tenant {
  const optimove = createWindow(options.optimove.limit);
  const windowOf = (far: {
    sharesOptimoveLimit: boolean;
    limit: Parameters<typeof createWindow>[0];
  }) => (far.sharesOptimoveLimit ? optimove : createWindow(far.limit));
  return {
    name,
    seed,
    options,
    profile: options.profile,
    latencyMs: options.latencyMs,
    keyBroken: false,
    campaigns: new Map(),
    numbered: [undefined],
    promotions: new Map(options.catalog.map((each) => [each.code, createPromotion(each)])),
    signingKey: createSecretKey(options.platform.secret.slice('whsec_'.length), 'base64'),
    keys: createKeys(),
    idempotency: new Map(),
    redemptions: { ids: createKeyTable(), contents: [] },
    uniqueOwners: createKeys(),
    windows: {
      optimove,
      promotions: windowOf(options.promotions),
      publisher: windowOf(options.publisher),
    },
    faults: createFaults([], seed),
    calls: new Map(),
    arrivals: [],
    timeline: [],
    http429: 0,
    unauthorized: 0,
    refusedKeys: [],
    openUploads: new Set(),
    deliveries: [],
    gateUrls: options.gateUrls,
    violations: createViolations(),
  };
}

/** The campaign a body names, with the call counted on it. */
export function campaignOf(
  tenant: Tenant,
  id: string | number,
  kind: string,
): Campaign | undefined {
  const campaign = tenant.campaigns.get(String(id));
  if (campaign !== undefined) countCall(campaign.calls, kind);
  return campaign;
}
