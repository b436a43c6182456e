import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Operator, Outcome } from '../../operations/outcome.ts';
import { findOperator } from '../access.ts';
import { problem, sendProblem } from '../problems.ts';
import type { ApiDeps } from './api.ts';
import * as shapes from './shapes.ts';

const tags = ['operators'];
const security = [{ operator: [] }];
const answers = {
  200: shapes.acted,
  ...{ 400: problem, 401: problem, 403: problem, 404: problem, 409: problem, 503: problem },
};
/** Ten thousand of the longest ids, and some. */
const importBytes = 4 * 1_024 * 1_024;

/** What operators do: every key but those that only read; what lets go of a guard needs `approve`. */
export async function acts(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const { campaigns, suppressions, tenants } = deps.operations;

  app.addHook('preValidation', async (request, reply) => {
    const operator = findOperator(request.headers.authorization, deps.operatorKeys);
    if (operator?.role !== 'read') return undefined;
    return sendProblem(reply, 403, 'This key may only read: acting needs the role operate.');
  });

  const describe = <P extends z.ZodObject>(summary: string, params: P) => ({
    ...{ tags, security, summary, params, response: answers },
  });

  for (const [act, summary] of [
    ['hold', 'Holds a campaign: nothing new is given or approved until it is released'],
    ['release', "Releases a campaign; a guard's hold needs the role approve"],
    ['retry', 'Opens a campaign again over what is not final'],
  ] as const) {
    typed.post(
      `/:tenant/campaigns/:id/${act}`,
      { schema: { ...describe(summary, shapes.campaignPath), body: shapes.reasoned } },
      async (request, reply) => {
        const { tenant, id: campaignId } = request.params;
        const operator = operatorOf(request, deps);
        return answer(
          reply,
          act,
          await campaigns[act]({ tenant, campaignId }, operator, request.body.reason),
        );
      },
    );
  }

  typed.post(
    '/:tenant/campaigns/:id/cancel',
    {
      schema: {
        ...describe('Ends a campaign and takes everything back', shapes.campaignPath),
        body: shapes.reasoned.extend({
          force: z.boolean().default(false).describe('Also after the last report; role approve'),
        }),
      },
    },
    async (request, reply) => {
      const { tenant, id: campaignId } = request.params;
      const operator = operatorOf(request, deps);
      if (request.body.force && !operator.approves) {
        const sentence = 'This key may not cancel with force: that needs the role approve.';
        return answer(reply, 'cancel', { done: false, status: 403, sentence });
      }
      const outcome = await campaigns.cancel({ tenant, campaignId }, operator, request.body);
      return answer(reply, 'cancel', outcome);
    },
  );

  for (const [path, act, summary] of [
    ['', 'add', 'Suppresses customers, one or up to 10,000, also in campaigns under way'],
    ['/remove', 'remove', 'Takes customers off the suppression list'],
  ] as const) {
    typed.post(
      `/:tenant/suppressions${path}`,
      {
        bodyLimit: importBytes,
        schema: { ...describe(summary, shapes.tenantPath), body: shapes.customers },
      },
      async (request, reply) => {
        const { customerIds, reason } = request.body;
        const operator = operatorOf(request, deps);
        const { tenant } = request.params;
        return answer(reply, act, await suppressions[act](tenant, customerIds, operator, reason));
      },
    );
  }

  for (const [act, summary] of [
    ['hold', 'Holds every campaign of the tenant'],
    ['release', "Ends the tenant's hold"],
  ] as const) {
    typed.post(
      `/:tenant/${act}`,
      { schema: { ...describe(summary, shapes.tenantPath), body: shapes.reasoned } },
      async (request, reply) => {
        const operator = operatorOf(request, deps);
        const outcome = await tenants[act](request.params.tenant, operator, request.body.reason);
        return answer(reply, act, outcome);
      },
    );
  }
}

/** Whose key it is; the door has let nobody in without one. */
function operatorOf(request: FastifyRequest, { operatorKeys }: ApiDeps): Operator {
  const operator = findOperator(request.headers.authorization, operatorKeys);
  if (!operator) throw new Error('The key was taken out of the configuration meanwhile');
  return { name: operator.name, approves: operator.role === 'approve' };
}

function answer(reply: FastifyReply, act: string, outcome: Outcome): FastifyReply {
  if (outcome.done) return reply.send({ act, note: outcome.note });
  if (outcome.status === 503) reply.header('retry-after', 5);
  return sendProblem(reply, outcome.status, outcome.sentence);
}
