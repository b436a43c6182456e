import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Decisions } from '../decisions/check.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { caseless, isObject, readId } from '../wire/atoms.ts';
import { readCheck } from '../wire/checks.ts';
import type { Log } from '../world.ts';
import { bodyLimit, doorParameters, openDoor } from './door.ts';
import { problem, sendProblem } from './problems.ts';

const path = '/gate/:tenant/:token';

export interface GateDeps {
  tenants: ReadonlyMap<string, TenantSettings>;
  decisions: Pick<Decisions, 'decide'>;
  /** Counts an answer by why it was given; the time is in milliseconds. */
  countCheck(of: { tenant: string; allowed: boolean; cause: string }, tookMs: number): void;
  log: Log;
}

/**
 * The gate: may this customer be sent the campaign (API §9.2)? Whatever happens inside, a check is answered
 * 200 and, unless it surely may, false. 4xx is for who is not Optimove, and for what is not JSON.
 */
export async function gate(app: FastifyInstance, deps: GateDeps): Promise<void> {
  const { tenants } = deps;

  const admit = openDoor(app, tenants, { path, what: 'Checks', brought: 'asked' });

  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['gate'],
      summary: 'Decides whether a customer who met a trigger may be sent the campaign',
      description:
        'Called by Optimove (API §9.2); answered within the budget, false unless surely true.',
      params: doorParameters,
      response: { 200: answer, 400: problem, 403: problem, 404: problem, 413: problem },
    },
    onRequest: admit,
    handler: async (request, reply) => {
      const tenant = tenants.get(request.params.tenant);
      if (!tenant) return sendProblem(reply, 404, 'There is no such tenant.');
      const startedAt = performance.now();
      const read = readJson(request.body);
      if (!read) return sendProblem(reply, 400, 'The body is not JSON.');
      const { userId, decision } = await decide(deps, tenant, read);
      const { allowed, cause } = decision;
      deps.countCheck({ tenant: tenant.tenant, allowed, cause }, performance.now() - startedAt);
      return reply.code(200).send({ user_id: userId, allowed });
    },
  });
}

const answer = z.object({ user_id: z.string(), allowed: z.boolean() });

async function decide(
  { decisions, log }: GateDeps,
  tenant: TenantSettings,
  { json, body }: { json: unknown; body: Buffer },
) {
  const check = readCheck(json);
  if (!check) {
    log.warn({ tenant: tenant.tenant }, 'a check cannot be read');
    return { userId: namedUser(json), decision: { allowed: false, cause: 'unreadable' } as const };
  }
  const { userId } = check;
  try {
    return { userId, decision: await decisions.decide(tenant, { check, body }) };
  } catch (error) {
    // Never seen; should it come to this, nobody is allowed.
    const facts = { tenant: tenant.tenant, campaign: check.campaignId, error: String(error) };
    log.error(facts, 'a check was not decided');
    return { userId, decision: { allowed: false, cause: 'failed' } as const };
  }
}

/** Whoever a check that cannot be read is about, as far as it says so. */
function namedUser(body: unknown): string {
  const user = isObject(body) ? caseless(body)['user'] : undefined;
  return (isObject(user) && readId(caseless(user)['user_id'])) || '';
}

function readJson(body: unknown): { json: unknown; body: Buffer } | undefined {
  if (!Buffer.isBuffer(body)) return undefined;
  try {
    return { json: JSON.parse(new TextDecoder().decode(body)), body };
  } catch {
    return undefined;
  }
}
