import { type Allowance, hasGate, type TenantSettings } from '../domain/tenant.ts';
import type { RateLimit, World } from '../world.ts';
import { createDataConnection } from './data-connection.ts';
import type { Dependencies } from './http/endpoint.ts';
import { createOptimove } from './optimove/optimove.ts';
import { createPlatform } from './platform.ts';
import { createPromotions } from './promotions/promotions.ts';
import { createPublisher } from './publisher.ts';

/**
 * The far sides of one tenant. Opens no connection before the first call. Keys and secrets are those of
 * the settings `now`: a call that waited for its turn while a key was mended carries the new one.
 */
export function createWorld(
  settings: TenantSettings,
  deps: Dependencies,
  now: () => TenantSettings = () => settings,
): World {
  const { tenant, timeZone, optimove, promotions, publisher, dataConnection, platform } = settings;
  const limitOf = (farSide: string, allowance: Allowance): RateLimit => ({
    bucket: `${tenant}/${farSide}`,
    ...allowance,
    // Whoever waits for a gate or a claim must find a slot soon; else bulk work may come in bursts.
    spaced: hasGate(settings) || settings.claims !== undefined,
  });
  const optimoveLimit = limitOf('optimove', optimove.rateLimit);
  const optional = (farSide: string, allowance: Allowance | undefined) =>
    allowance && limitOf(farSide, allowance);

  return {
    optimove: createOptimove(
      {
        ...optimove,
        timeZone,
        limit: optimoveLimit,
        get apiKey() {
          return now().optimove.apiKey;
        },
      },
      deps,
    ),
    promotions:
      promotions &&
      createPromotions(
        {
          ...promotions,
          limit: promotions.sharesOptimoveLimit
            ? optimoveLimit
            : limitOf('promotions', promotions.rateLimit),
          get apiKey() {
            return (now().promotions ?? promotions).apiKey;
          },
        },
        deps,
      ),
    publisher:
      publisher &&
      createPublisher(
        {
          ...publisher,
          timeZone,
          limit: publisher.sharesOptimoveLimit
            ? optimoveLimit
            : optional('publisher', publisher.rateLimit),
          get apiKey() {
            return (now().publisher ?? publisher).apiKey;
          },
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
          get apiKey() {
            return (now().dataConnection ?? dataConnection).apiKey;
          },
          get brandKey() {
            return (now().dataConnection ?? dataConnection).brandKey;
          },
        },
        deps,
      ),
    platform: createPlatform(
      {
        ...platform,
        limit: optional('platform', platform.rateLimit),
        get secret() {
          return now().platform.secret;
        },
      },
      deps,
    ),
  };
}
