import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import { createAddressCheck, isSameSecret } from './access.ts';
import { sendProblem } from './problems.ts';

/** The largest body that Optimove's doors take, bytes. */
export const bodyLimit = 1_048_576;

/** The last parts of an address that Optimove was given: whose it is, and the secret that only it knows. */
export const doorParameters = z.object({ tenant: z.string(), token: z.string() });

/**
 * Makes a plugin a door for Optimove: bodies of any content type come as bytes, and whoever has not the token of
 * a tenant, or calls from elsewhere, is sent away. `what` is brought here, as in "Checks are asked with POST.".
 */
export function openDoor(
  app: FastifyInstance,
  tenants: ReadonlyMap<string, TenantSettings>,
  door: { path: string; what: string; brought: string },
) {
  // By the settings themselves: other ones, read while we run, have a check of their own.
  const checks = new WeakMap<TenantSettings, ReturnType<typeof createAddressCheck>>();
  const mayCall = (tenant: TenantSettings, address: string): boolean => {
    const check = checks.get(tenant) ?? createAddressCheck(tenant.allowFrom);
    checks.set(tenant, check);
    return check(address);
  };

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => {
    done(null, body);
  });

  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: door.path,
    schema: { hide: true },
    onRequest: async (_request, reply) => {
      reply.header('allow', 'POST');
      return sendProblem(reply, 405, `${door.what} are ${door.brought} with POST.`);
    },
    handler: () => {},
  });

  return async (request: FastifyRequest, reply: FastifyReply) => {
    // What it says of itself may be anything, even nothing that HTTP allows.
    request.raw.headers['content-type'] = 'application/octet-stream';
    const { tenant: name, token } = doorParameters.parse(request.params);
    const tenant = tenants.get(name);
    if (!tenant) return sendProblem(reply, 404, 'There is no such tenant.');
    if (!isSameSecret(token, tenant.webhookToken)) {
      return sendProblem(
        reply,
        403,
        'The last part of the address is not the token of this tenant.',
      );
    }
    if (!mayCall(tenant, request.ip)) {
      return sendProblem(reply, 403, `${door.what} are not taken from this address.`);
    }
    return undefined;
  };
}
