import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ShownReconciliation } from '../../operations/reconcile.ts';
import { findOperator } from '../access.ts';
import { problem, sendProblem } from '../problems.ts';
import type { ApiDeps } from './api.ts';
import * as shapes from './shapes.ts';

const tags = ['operators'];
const security = [{ operator: [] }];
const refusals = { 400: problem, 401: problem, 404: problem };

/** The books held against the far sides: every key may look, repairing needs the role operate. */
export async function reconciliations(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const { tenants, operatorKeys } = deps;
  const operations = deps.operations.reconciliations;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  typed.post(
    '/:tenant/reconciliations',
    {
      schema: {
        ...{ tags, security, params: shapes.tenantPath, body: shapes.toReconcile },
        summary: 'Holds a campaign, or a day, against the far sides; or joins the run that does',
        response: {
          ...{ 202: shapes.begun, ...refusals },
          ...{ 403: problem, 409: problem, 503: problem },
        },
      },
    },
    async (request, reply) => {
      const settings = tenants.get(request.params.tenant);
      const operator = findOperator(request.headers.authorization, operatorKeys);
      if (!settings || !operator) return sendProblem(reply, 404, 'There is no such tenant.');
      if (request.body.repair && operator.role === 'read') {
        return sendProblem(reply, 403, 'This key may only read: repairing needs the role operate.');
      }
      const { name, role } = operator;
      const begun = await operations.begin(settings, request.body, {
        ...{ name, approves: role === 'approve' },
      });
      if (!('done' in begun)) return reply.code(202).send(begun);
      if (begun.status === 503) reply.header('retry-after', 5);
      return sendProblem(reply, begun.status, begun.sentence);
    },
  );

  typed.get(
    '/:tenant/reconciliations/:subject',
    {
      schema: {
        ...{ tags, security, params: shapes.tenantPath.extend({ subject: z.string() }) },
        summary: 'How far the latest run over a campaign or a day is, and what differs',
        querystring: z.object({
          limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
          after: z.string().regex(/^\d+$/).default('0').describe('The last id of the page before'),
        }),
        response: { 200: shapes.reconciliation, ...refusals },
      },
    },
    async ({ params: { tenant, subject }, query }, reply) => {
      const shown = await operations.show(tenant, subject, query);
      return shown
        ? write(subject, shown)
        : sendProblem(reply, 404, `Nothing of ${tenant} was reconciled under this name.`);
    },
  );
}

function write(subject: string, shown: ShownReconciliation): shapes.Reconciliation {
  const { campaigns, ...row } = shown.row;
  return {
    ...row,
    ...{ subject, campaigns: campaigns.length, counts: shown.counts },
    differences: shown.differences,
  };
}
