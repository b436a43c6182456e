import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import { type AcceptanceDeps, accept } from './acceptance.ts';
import { createAddressCheck, isSameSecret } from './access.ts';
import { problem, sendProblem } from './problems.ts';

const bodyLimit = 1_048_576;
const retryAfterSeconds = 5;
const path = '/hooks/:tenant/:token';

export interface HooksDeps extends AcceptanceDeps {
  tenants: ReadonlyMap<string, TenantSettings>;
  countHook(tenant: string, answer: number): void;
}

/**
 * The webhook door: any JSON with the right token is recorded and answered 200, whatever its content
 * type, because Optimove does not say what it does with another answer (API §5.5).
 */
export async function hooks(app: FastifyInstance, deps: HooksDeps): Promise<void> {
  const { tenants, log } = deps;
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
  app.addHook('onResponse', async (request, reply) => {
    const tenant = nameOf(request, tenants);
    deps.countHook(tenant, reply.statusCode);
    if (reply.statusCode >= 400) {
      log.warn({ tenant, status: reply.statusCode, from: request.ip }, 'a webhook was refused');
    }
  });

  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    // What it says of itself may be anything, even nothing that HTTP allows.
    request.raw.headers['content-type'] = 'application/octet-stream';
    const { tenant: name, token } = parameters.parse(request.params);
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
      return sendProblem(reply, 403, 'Webhooks are not taken from this address.');
    }
    return undefined;
  };

  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['hooks'],
      summary: 'Takes a webhook of Optimove',
      description: 'Any JSON body of at most 1 MiB is recorded, whatever its content type.',
      params: parameters,
      response: {
        200: z.object({}),
        400: problem,
        403: problem,
        404: problem,
        413: problem,
        503: problem,
      },
    },
    onRequest: admit,
    handler: async (request, reply) => {
      const tenant = tenants.get(request.params.tenant);
      if (!tenant) return sendProblem(reply, 404, 'There is no such tenant.');
      const webhook = readJson(request.body);
      if (!webhook) return sendProblem(reply, 400, 'The body is not JSON.');
      const accepted = await accept(deps, tenant, webhook);
      if (accepted !== 'nowhere') return reply.code(200).send({});
      reply.header('retry-after', retryAfterSeconds);
      return sendProblem(reply, 503, 'Nothing could be stored just now; please send it again.');
    },
  });

  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: path,
    schema: { hide: true },
    onRequest: async (_request, reply) => {
      reply.header('allow', 'POST');
      return sendProblem(reply, 405, 'Webhooks are sent with POST.');
    },
    handler: () => {},
  });
}

const parameters = z.object({ tenant: z.string(), token: z.string() });

/** The tenant's name where it is one of ours: a stranger's text is neither logged nor counted. */
function nameOf(request: FastifyRequest, tenants: ReadonlyMap<string, unknown>): string {
  const { data } = parameters.safeParse(request.params);
  return data && tenants.has(data.tenant) ? data.tenant : 'unknown';
}

function readJson(body: unknown): { raw: string; json: unknown } | undefined {
  if (!Buffer.isBuffer(body)) return undefined;
  // Bytes that are no UTF-8 become U+FFFD; a byte order mark is dropped.
  const raw = new TextDecoder().decode(body);
  try {
    return { raw, json: JSON.parse(raw) };
  } catch {
    return undefined;
  }
}
