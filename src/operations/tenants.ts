import { setTimeout as delay } from 'node:timers/promises';
import { permitMs } from '../domain/effect.ts';
import { type CallLimits, callLimits, type Forecast, forecasts } from '../domain/forecast.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { listAudit } from '../ledger/audit.ts';
import { type BucketFigures, readFigures } from '../ledger/figures.ts';
import {
  type HoldLine,
  listHolds,
  type TenantStanding,
  tenantStanding,
} from '../ledger/listing.ts';
import type { createPool } from '../ledger/pool.ts';
import { holdTenant, releaseTenant } from '../ledger/tenant-holds.ts';
import { openCampaignIds } from '../ledger/unsettled.ts';
import type { Starts } from '../starts.ts';
import type { Log } from '../world.ts';
import { type Operator, type Outcome, sign } from './outcome.ts';

export interface TenantsDeps {
  pool: ReturnType<typeof createPool>;
  starts: Pick<Starts, 'signalCampaign' | 'kickSettlement'>;
  log: Log;
}

/** How much of a far side's allowance is taken now: requests, in any window of `perMs`. */
export interface LimiterUse extends Omit<BucketFigures, 'pausedSeconds'> {
  requests: number;
  perMs: number;
  pausedSeconds: number;
}

export interface ShownTenant extends TenantStanding {
  holds: HoldLine[];
  campaigns: Forecast[];
  limiter: LimiterUse[];
}

/** What an operator may ask of a tenant, and do to it. */
export function createTenants(deps: TenantsDeps) {
  const { pool } = deps;
  return {
    /** How a tenant stands: holds, halt, debts, its open campaigns' forecasts, its allowances. */
    async standing(settings: TenantSettings): Promise<ShownTenant> {
      const { tenant } = settings;
      const limits = callLimits(settings);
      const [standing, holds, figures] = await Promise.all([
        tenantStanding(pool, tenant),
        listHolds(pool, tenant),
        readFigures(pool, [tenant]),
      ]);
      const campaigns = forecasts(figures.paces, limits);
      return { ...standing, holds, campaigns, limiter: usesOf(limits, figures.buckets) };
    },

    /** The latest acts of operators, of one campaign or of all. */
    audit: (tenant: string, of: { limit: number; campaignId?: string | undefined }) =>
      listAudit(pool, tenant, of),

    /** Holds every campaign of a tenant, also those to come; from the answer on nothing new leaves. */
    async hold(tenant: string, operator: Operator, reason: string): Promise<Outcome> {
      const refusal = await holdTenant(pool, tenant, sign(operator, reason));
      if (refusal?.why === 'held') {
        return no(`${tenant} is held already: ${refusal.reason}.`);
      }
      await Promise.all([tellRuns(deps, tenant), delay(permitMs)]);
      return { done: true, note: `${tenant} is held: none of its campaigns gives or approves.` };
    },

    async release(tenant: string, operator: Operator, reason: string): Promise<Outcome> {
      const refusal = await releaseTenant(pool, tenant, sign(operator, reason));
      if (refusal) return no(`${tenant} is not held.`);
      await tellRuns(deps, tenant);
      // Claims that were begun before the hold are settlement's, not a run's.
      deps.starts.kickSettlement(tenant);
      return {
        done: true,
        note: `${tenant} is released; campaigns that are held themselves wait for their own release.`,
      };
    },
  };
}

/** Each bucket once: Promotions mostly shares Optimove's. One that nobody used is all there. */
function usesOf(limits: CallLimits, figures: readonly BucketFigures[]): LimiterUse[] {
  const buckets = new Map(Object.values(limits).map((limit) => [limit.bucket, limit]));
  return [...buckets.values()].map(({ bucket, requests, perMs }) => {
    const used = figures.find((one) => one.bucket === bucket);
    const { taken = 0, waiting = 0, pausedSeconds } = used ?? {};
    return { bucket, requests, perMs, taken, waiting, pausedSeconds: pausedSeconds ?? 0 };
  });
}

/** Best effort: a run that is not told looks for itself within a minute. */
async function tellRuns({ pool, starts, log }: TenantsDeps, tenant: string): Promise<void> {
  try {
    for (const campaignId of await openCampaignIds(pool, tenant)) {
      await starts.signalCampaign({ tenant, campaignId });
    }
  } catch (error) {
    log.warn({ tenant, error: String(error) }, 'not every run could be told');
  }
}

function no(sentence: string): Outcome {
  return { done: false, status: 409, sentence };
}
