import type { Allowance, TenantSettings } from '../domain/tenant.ts';
import type { RateLimit, World } from '../world.ts';
import { createDataConnection } from './data-connection.ts';
import type { Dependencies } from './http/endpoint.ts';
import { createOptimove } from './optimove/optimove.ts';
import { createPlatform } from './platform.ts';
import { createPromotions } from './promotions/promotions.ts';

/** The far sides of one tenant. Opens no connection before the first call. */
export function createWorld(settings: TenantSettings, deps: Dependencies): World {
  const { tenant, timeZone, optimove, promotions, dataConnection, platform } = settings;
  const limitOf = (farSide: string, allowance: Allowance): RateLimit => ({
    bucket: `${tenant}/${farSide}`,
    ...allowance,
    // Spacing serves gates and claims, which no tenant has yet; bulk work may come in bursts.
    spaced: false,
  });
  const optimoveLimit = limitOf('optimove', optimove.rateLimit);
  const optional = (farSide: string, allowance: Allowance | undefined) =>
    allowance && limitOf(farSide, allowance);

  return {
    optimove: createOptimove({ ...optimove, timeZone, limit: optimoveLimit }, deps),
    promotions:
      promotions &&
      createPromotions(
        {
          ...promotions,
          limit: promotions.sharesOptimoveLimit
            ? optimoveLimit
            : limitOf('promotions', promotions.rateLimit),
        },
        deps,
      ),
    dataConnection:
      dataConnection &&
      createDataConnection(
        {
          ...dataConnection,
          timeZone,
          limit: optional('data-connection', dataConnection.rateLimit),
        },
        deps,
      ),
    platform: createPlatform(
      { ...platform, limit: optional('platform', platform.rateLimit) },
      deps,
    ),
  };
}
