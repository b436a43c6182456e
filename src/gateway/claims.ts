import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Decisions } from '../decisions/check.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { readCampaignId, readId, readValues } from '../wire/atoms.ts';
import type { Log } from '../world.ts';
import { isSameSecret } from './access.ts';
import { problem, sendProblem } from './problems.ts';

const bodyLimit = 65_536;
const path = '/claims/:tenant';

type Answer = Awaited<ReturnType<Decisions['claim']>>;

export interface ClaimsDeps {
  tenants: ReadonlyMap<string, TenantSettings>;
  decisions: Pick<Decisions, 'claim'>;
  /** Counts an answer by its status, or why it was refused; the time is in milliseconds. */
  countClaim(of: { tenant: string; answer: string }, tookMs: number): void;
  log: Log;
}

const parameters = z.object({ tenant: z.string() });

/** Read from whatever JSON holds; a message never quotes the value. */
function readBy<T>(read: (value: unknown) => T | undefined, message: string) {
  return z.unknown().transform((value, context): T => {
    const found = read(value);
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

const id = readBy(readId, 'must be a text or a number of at most 256 characters');

const body = z.object({
  claimId: id,
  customerId: id,
  campaignId: readBy(readCampaignId, "must be a campaign's id"),
  promoCode: id.optional(),
  sessionProperties: z.record(z.string(), z.unknown()).optional(),
});

const grant = z.object({
  status: z.enum(['granted', 'already_granted']),
  rewards: z.array(
    z.object({
      rewardTypeId: z.string(),
      value: z.number(),
      tierId: z.string().optional(),
      tierName: z.string().optional(),
      code: z.string().optional(),
    }),
  ),
  code: z.string().optional(),
  expiresAt: z.string(),
});

const refusal = problem.extend({ reason: z.string() });

/**
 * The customer's own click asks for the reward (guide: Advanced Activation Flow, step 3). 200 with what
 * was given, 4xx with a reason that a shop can show, 503 for "send the same claim again".
 */
export async function claims(app: FastifyInstance, deps: ClaimsDeps): Promise<void> {
  const { tenants, decisions, countClaim } = deps;

  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    const tenant = tenants.get(parameters.parse(request.params).tenant);
    if (!tenant) return sendRefusal(reply, 404, 'unknown_tenant', 'There is no such tenant.');
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    // Every key is compared, whichever fits.
    const isKnown = tenant.apiKeys.filter((key) => isSameSecret(given, key)).length > 0;
    if (isKnown) return undefined;
    reply.header('www-authenticate', 'Bearer');
    return sendRefusal(
      reply,
      401,
      'unauthorized',
      'A claim needs one of the apiKeys as its bearer.',
    );
  };

  app.setErrorHandler((error, request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 400 && status < 500) {
      const said = error instanceof Error ? error.message : '';
      return sendRefusal(reply, status, 'unreadable', `The claim cannot be read: ${said}.`);
    }
    deps.log.error({ door: request.routeOptions.url, error: String(error) }, 'a claim failed');
    return sendBusy(reply, 2);
  });

  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['claims'],
      summary: 'Gives a customer the reward that was announced, once',
      description: 'Called by the platform with one of the apiKeys as bearer.',
      params: parameters,
      body,
      response: {
        200: grant,
        '4xx': refusal,
        503: refusal,
      },
    },
    onRequest: admit,
    handler: async (request, reply) => {
      const startedAt = performance.now();
      const { tenant } = request.params;
      const { promoCode, sessionProperties, ...claim } = request.body;
      const session = readValues(sessionProperties);
      const answer = await decisions.claim(tenant, {
        ...claim,
        ...(promoCode !== undefined && { promoCode }),
        ...(session && { sessionProperties: session }),
      });
      const word = answer.status === 'refused' ? answer.reason : answer.status;
      countClaim({ tenant, answer: word }, performance.now() - startedAt);
      return send(reply, answer);
    },
  });
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  switch (answer.status) {
    case 'busy':
      return sendBusy(reply, answer.retryAfterSeconds);
    case 'refused': {
      const { status, sentence } = refusals[answer.reason];
      const detail = answer.detail === undefined ? sentence : `${sentence} (${answer.detail})`;
      return sendRefusal(reply, status, answer.reason, detail);
    }
    default: {
      const { status, rewards, code, expiresAt } = answer;
      return reply.code(200).send({
        ...{ status, rewards },
        ...(code !== undefined && { code }),
        expiresAt: new Date(expiresAt).toISOString(),
      });
    }
  }
}

type Refusal = Extract<Answer, { status: 'refused' }>['reason'];

const refusals: Record<Refusal, { status: number; sentence: string }> = {
  not_targeted: { status: 404, sentence: 'This customer has nothing to claim in this campaign.' },
  not_open: { status: 409, sentence: 'The campaign has not begun yet.' },
  expired: { status: 410, sentence: 'The time to claim is over.' },
  canceled: { status: 410, sentence: 'The campaign was canceled.' },
  suppressed: { status: 403, sentence: 'This customer must not be given anything.' },
  not_eligible: { status: 409, sentence: 'The customer is not eligible for the reward.' },
  budget_gone: { status: 409, sentence: 'The budget of the promotion is used up.' },
  declined: { status: 409, sentence: 'The platform declined to give the reward.' },
};

function sendBusy(reply: FastifyReply, retryAfterSeconds: number): FastifyReply {
  reply.header('retry-after', String(retryAfterSeconds));
  return sendRefusal(reply, 503, 'busy', 'Please send the same claim again in a moment.');
}

function sendRefusal(
  reply: FastifyReply,
  status: number,
  reason: string,
  detail: string,
): FastifyReply {
  return sendProblem(reply, status, detail, { reason });
}
