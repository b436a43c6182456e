import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Decisions } from '../decisions/check.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { readPlainId, readValues } from '../wire/atoms.ts';
import type { Log } from '../world.ts';
import { bearerParameters, openBearerDoor, refusal, sendBusy, sendRefusal } from './bearer.ts';
import { id, readBy } from './fields.ts';

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

const body = z.object({
  claimId: id,
  customerId: id,
  campaignId: readBy(readPlainId, "must be a campaign's id"),
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

/**
 * The customer's own click asks for the reward (guide: Advanced Activation Flow, step 3). 200 with what
 * was given, 4xx with a reason that a shop can show, 503 for "send the same claim again".
 */
export async function claims(app: FastifyInstance, deps: ClaimsDeps): Promise<void> {
  const { decisions, countClaim } = deps;
  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['claims'],
      summary: 'Gives a customer the reward that was announced, once',
      description: 'Called by the platform with one of the apiKeys as bearer.',
      params: bearerParameters,
      body,
      response: {
        200: grant,
        '4xx': refusal,
        503: refusal,
      },
    },
    onRequest: openBearerDoor(app, deps, 'claim'),
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
      return sendBusy(reply, 'claim', answer.retryAfterSeconds);
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
