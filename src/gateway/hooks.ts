import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import { type AcceptanceDeps, accept } from './acceptance.ts';
import { bodyLimit, doorParameters, openDoor } from './door.ts';
import { problem, sendProblem } from './problems.ts';

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
  app.addHook('onResponse', async (request, reply) => {
    const tenant = nameOf(request, tenants);
    deps.countHook(tenant, reply.statusCode);
    if (reply.statusCode >= 400) {
      log.warn({ tenant, status: reply.statusCode, from: request.ip }, 'a webhook was refused');
    }
  });

  const admit = openDoor(app, tenants, { path, what: 'Webhooks', brought: 'sent' });

  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['hooks'],
      summary: 'Takes a webhook of Optimove',
      description: 'Any JSON body of at most 1 MiB is recorded, whatever its content type.',
      params: doorParameters,
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
}

/** The tenant's name where it is one of ours: a stranger's text is neither logged nor counted. */
function nameOf(request: FastifyRequest, tenants: ReadonlyMap<string, unknown>): string {
  const { data } = doorParameters.safeParse(request.params);
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
