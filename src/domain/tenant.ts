import type { Limits, ScheduledRules } from './campaign.ts';
import type { CodesRule } from './clearance.ts';
import { managedRecipe } from './flow.ts';

/** A far side's allowance: `requests` in any window of `perMs`. */
export interface Allowance {
  requests: number;
  perMs: number;
}

export interface OptimoveSettings {
  baseUrl: string;
  apiKey: string;
  rateLimit: Allowance;
  /** Rows asked for in one page of an audience. */
  pageSize: number;
}

export interface PromotionsSettings {
  baseUrl: string;
  apiKey: string;
  /** Whether its calls count against Optimove's allowance instead of its own. */
  sharesOptimoveLimit: boolean;
  rateLimit: Allowance;
  maxCustomersPerCall: number;
  recovery: 'assignments' | 'lapse';
  unknownCodes: 'refuse' | 'hold';
}

export interface DataConnectionSettings {
  baseUrl: string;
  connectionId: string;
  apiKey: string;
  brandKey: string;
  primaryKey: string;
  required: boolean;
  rateLimit: Allowance | undefined;
}

export interface PlatformSettings {
  baseUrl: string;
  /** The Standard Webhooks secret every call is signed with. */
  secret: string;
  maxItemsPerCall: number;
  screening: boolean;
  rateLimit: Allowance | undefined;
}

export interface ScheduledSettings {
  /** `off`: event 5 is recorded and nothing is done. */
  conditional: 'managed' | 'off';
  codes: CodesRule;
  clearanceMarginMs: number;
  executionDelayMs: number;
  redeemEveryMs: number;
  lanes: number;
}

/** What the configuration says of one tenant; all times in milliseconds. */
export interface TenantSettings {
  tenant: string;
  timeZone: string;
  /** The secret last segment of the webhook door's path. */
  webhookToken: string;
  /** Addresses and CIDR ranges from which the webhook door may be called; empty: from anywhere. */
  allowFrom: string[];
  optimove: OptimoveSettings;
  /** Undefined where the platform decides alone. */
  promotions: PromotionsSettings | undefined;
  dataConnection: DataConnectionSettings | undefined;
  platform: PlatformSettings;
  scheduled: ScheduledSettings;
  limits: Limits;
}

/** The rules by which a tenant's scheduled campaigns are run. */
export function scheduledRules(tenant: TenantSettings): ScheduledRules {
  const { codes, clearanceMarginMs, executionDelayMs, redeemEveryMs, lanes } = tenant.scheduled;
  return {
    recipe: managedRecipe({
      hasPromotions: tenant.promotions !== undefined,
      hasDataConnection: tenant.dataConnection !== undefined,
    }),
    codes,
    clearanceMarginMs,
    executionDelayMs,
    redeemEveryMs,
    lanes,
    pageSize: tenant.optimove.pageSize,
    limits: tenant.limits,
  };
}
