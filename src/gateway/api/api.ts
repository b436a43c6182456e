import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { rolls } from '../../domain/roll.ts';
import type { TenantSettings } from '../../domain/tenant.ts';
import type { createCampaigns, ShownCampaign } from '../../operations/campaigns.ts';
import type { createCustomers } from '../../operations/customers.ts';
import type { createReconciliations } from '../../operations/reconcile.ts';
import type { createSuppressions } from '../../operations/suppressions.ts';
import type { createTenants, ShownTenant } from '../../operations/tenants.ts';
import type { Log } from '../../world.ts';
import { findOperator, type OperatorKey } from '../access.ts';
import { problem, sendProblem } from '../problems.ts';
import { acts } from './acts.ts';
import { reconciliations } from './reconciliations.ts';
import * as shapes from './shapes.ts';
import { type SimulateDeps, simulate } from './simulate.ts';

export interface ApiDeps {
  tenants: ReadonlyMap<string, TenantSettings>;
  operatorKeys: readonly OperatorKey[];
  operations: {
    tenants: ReturnType<typeof createTenants>;
    campaigns: ReturnType<typeof createCampaigns>;
    customers: ReturnType<typeof createCustomers>;
    reconciliations: ReturnType<typeof createReconciliations>;
    suppressions: ReturnType<typeof createSuppressions>;
    simulate: SimulateDeps['operations']['simulate'];
  };
  log: Log;
}

const refusals = { 400: problem, 401: problem, 404: problem };
const tags = ['operators'];
const security = [{ operator: [] }];

/** The operator API: its readings, which every key may do, and the acts. */
export async function api(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const { tenants, operations } = deps;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  app.addHook('onRequest', async (request, reply) => {
    if (!findOperator(request.headers.authorization, deps.operatorKeys)) return refuse(reply);
    const { data } = tenantPath.safeParse(request.params);
    if (data && !tenants.has(data.tenant)) {
      return sendProblem(reply, 404, 'There is no such tenant.');
    }
    return undefined;
  });

  typed.get(
    '',
    {
      schema: {
        tags,
        security,
        summary: 'All tenants',
        response: { 200: shapes.tenants, ...refusals },
      },
    },
    async () => ({ tenants: [...tenants.keys()].map((tenant) => ({ tenant })) }),
  );

  typed.get(
    '/:tenant/status',
    {
      schema: {
        ...{ tags, security, summary: 'How a tenant stands', params: tenantPath },
        response: { 200: shapes.status, ...refusals },
      },
    },
    async ({ params: { tenant } }, reply) => {
      const settings = tenants.get(tenant);
      if (!settings) return sendProblem(reply, 404, 'There is no such tenant.');
      return writeStatus(tenant, await operations.tenants.standing(settings));
    },
  );

  typed.get(
    '/:tenant/campaigns',
    {
      schema: {
        ...{ tags, security, summary: 'The latest campaigns', params: tenantPath },
        querystring: z.object({ limit: limitUpTo(1_000).default(50) }),
        response: { 200: shapes.campaigns, ...refusals },
      },
    },
    async ({ params, query }) => ({
      campaigns: await operations.campaigns.list(params.tenant, query.limit),
    }),
  );

  typed.get(
    '/:tenant/campaigns/:id',
    {
      schema: {
        ...{ tags, security, summary: 'One campaign, with its counts now', params: campaignPath },
        response: { 200: shapes.campaign, ...refusals },
      },
    },
    async ({ params: { tenant, id } }, reply) => {
      const shown = await operations.campaigns.show({ tenant, campaignId: id });
      return shown
        ? write(shown)
        : sendProblem(reply, 404, `${tenant} has no campaign of this id.`);
    },
  );

  typed.get(
    '/:tenant/campaigns/:id/customers',
    {
      schema: {
        ...{ tags, security, summary: 'Customers for a person to look at', params: campaignPath },
        querystring: z.object({
          roll: z.enum(rolls),
          limit: limitUpTo(10_000).default(1_000),
          after: z
            .string()
            .regex(/^\d+\.\d+$/)
            .optional()
            .describe('The place of the last line'),
        }),
        response: { 200: shapes.roll, ...refusals },
      },
    },
    async ({ params: { tenant, id }, query: { roll, ...page } }, reply) => {
      const lines = await operations.campaigns.roll({ tenant, campaignId: id }, roll, page);
      return lines
        ? { customers: lines }
        : sendProblem(reply, 404, `${tenant} has no campaign of this id.`);
    },
  );

  typed.get(
    '/:tenant/customers/:customerId/timeline',
    {
      schema: {
        ...{ tags, security, summary: 'All that happened to one customer', params: customerPath },
        querystring: z.object({ campaign: z.string().optional() }),
        response: { 200: shapes.timelines, ...refusals },
      },
    },
    async ({ params: { tenant, customerId }, query: { campaign: campaignId } }) => ({
      customerId,
      assignments: await operations.customers.timeline({ tenant, customerId, campaignId }),
    }),
  );

  typed.get(
    '/:tenant/suppressions',
    {
      schema: {
        ...{ tags, security, summary: 'Who must never get anything', params: tenantPath },
        querystring: z.object({
          limit: limitUpTo(10_000).default(1_000),
          after: z.string().optional().describe('The last customer of the page before'),
        }),
        response: { 200: shapes.suppressions, ...refusals },
      },
    },
    async ({ params, query }) => ({
      suppressions: await operations.suppressions.list(params.tenant, query),
    }),
  );

  typed.get(
    '/:tenant/audit',
    {
      schema: {
        ...{ tags, security, summary: 'What operators did, the latest first', params: tenantPath },
        querystring: z.object({
          limit: limitUpTo(1_000).default(50),
          campaign: z.string().optional(),
        }),
        response: { 200: shapes.audit, ...refusals },
      },
    },
    async ({ params, query: { limit, campaign: campaignId } }) => ({
      acts: await operations.tenants.audit(params.tenant, { limit, campaignId }),
    }),
  );

  // The prefix has been put in front of this room's paths already.
  await app.register(simulate, { ...deps, prefix: '' });
  await app.register(acts, { ...deps, prefix: '' });
  await app.register(reconciliations, { ...deps, prefix: '' });
}

const { tenantPath, campaignPath, customerPath } = shapes;

function limitUpTo(most: number) {
  return z.coerce.number().int().min(1).max(most);
}

function refuse(reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Bearer');
  return sendProblem(reply, 401, 'Send an operator key as `Authorization: Bearer …`.');
}

function write({ campaign, counts, fulfilments }: ShownCampaign): shapes.Campaign {
  const { tenant, campaignId, phase, epoch, pass, halted } = campaign;
  return {
    ...{ tenant, campaignId, phase, epoch, pass, halted },
    problem: campaign.problem ?? null,
    instants: campaign.instants ?? null,
    expiresAt: campaign.expiresAt ?? null,
    fence: campaign.fence ?? null,
    held: campaign.held?.reason ?? null,
    heldBy: campaign.held ? (campaign.held.by ?? 'a guard') : null,
    plan: campaign.plan ? { ...campaign.plan } : null,
    counts: {
      customers: counts.audience,
      approved: counts.approvedCustomers,
      denied: counts.deniedCustomers,
      unknown: counts.unknownCustomers,
      delegated: counts.delegatedCustomers,
      states: counts.states,
      redemptions: counts.redemptions,
    },
    fulfilments,
    summary: campaign.summary ? { ...campaign.summary } : null,
  };
}

function writeStatus(tenant: string, { campaigns, ...standing }: ShownTenant): shapes.Status {
  return {
    tenant,
    ...standing,
    campaigns: campaigns.map(({ campaignId, deadline, leftMs, ...forecast }) => ({
      ...{ campaignId, deadline, leftMs },
      callsLeft: forecast.callsLeft ?? null,
      finishesAt: forecast.finishesAt ?? null,
      lateByMs: forecast.lateByMs ?? null,
    })),
  };
}
