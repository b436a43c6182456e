import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import type { Log } from '../world.ts';
import { isSameSecret } from './access.ts';
import { problem, sendProblem } from './problems.ts';

export const bearerParameters = z.object({ tenant: z.string() });

/** Why the platform is sent away, in a word that its program can go by. */
export const refusal = problem.extend({ reason: z.string() });

/**
 * Makes a plugin a door for the tenant's platform: whoever has none of the tenant's keys is sent away, and what
 * fails on our side is busy. `what` is brought here, as in "The claim cannot be read".
 */
export function openBearerDoor(
  app: FastifyInstance,
  { tenants, log }: { tenants: ReadonlyMap<string, TenantSettings>; log: Log },
  what: string,
) {
  app.setErrorHandler((error, request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 400 && status < 500) {
      const said = error instanceof Error ? error.message : '';
      return sendRefusal(reply, status, 'unreadable', `The ${what} cannot be read: ${said}.`);
    }
    log.error({ door: request.routeOptions.url, error: String(error) }, `a ${what} failed`);
    return sendBusy(reply, what, 2);
  });

  return async (request: FastifyRequest, reply: FastifyReply) => {
    const tenant = tenants.get(bearerParameters.parse(request.params).tenant);
    if (!tenant) return sendRefusal(reply, 404, 'unknown_tenant', 'There is no such tenant.');
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    // Every key is compared, whichever fits.
    const isKnown = tenant.apiKeys.filter((key) => isSameSecret(given, key)).length > 0;
    if (isKnown) return undefined;
    reply.header('www-authenticate', 'Bearer');
    const detail = `A ${what} needs one of the apiKeys as its bearer.`;
    return sendRefusal(reply, 401, 'unauthorized', detail);
  };
}

/** Nothing is wrong with what came, and nothing of it is lost when it comes again. */
export function sendBusy(
  reply: FastifyReply,
  what: string,
  retryAfterSeconds: number,
): FastifyReply {
  reply.header('retry-after', String(retryAfterSeconds));
  return sendRefusal(reply, 503, 'busy', `Please send the same ${what} again in a moment.`);
}

export function sendRefusal(
  reply: FastifyReply,
  status: number,
  reason: string,
  detail: string,
): FastifyReply {
  return sendProblem(reply, status, detail, { reason });
}
