import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import { type Use, useAnswers } from '../domain/use.ts';
import type { UseResult, Uses } from '../ledger/uses.ts';
import type { Starts } from '../starts.ts';
import { readPlainId } from '../wire/atoms.ts';
import { readRewards } from '../wire/reward.ts';
import type { Log } from '../world.ts';
import { bearerParameters, openBearerDoor, refusal } from './bearer.ts';
import { id, readBy } from './fields.ts';

/** Ten thousand reports of some hundred bytes each. */
const bodyLimit = 8_388_608;
const mostReports = 10_000;
const path = '/redemptions/:tenant';

export interface RedemptionsDeps {
  tenants: ReadonlyMap<string, TenantSettings>;
  uses: Uses;
  starts: Pick<Starts, 'kickSettlement'>;
  /** Counts the reports of a call that were answered alike. */
  countUses(of: { tenant: string; answer: string }, reports: number): void;
  log: Log;
}

/** Null stands for what is not told. */
function optional<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? undefined);
}

const report = z.object({
  redemptionId: optional(id),
  customerId: id,
  campaignId: readBy(readPlainId, "must be a campaign's id"),
  promoCode: id,
  usedAt: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 instant, with Z or an offset' })
    .transform((text) => Date.parse(text)),
  rewards: optional(
    readBy(readRewards, 'must be a list of at most 100 {rewardTypeId, value}, none negative'),
  ),
  code: optional(id),
});

/** A report that cannot be read costs the others nothing: it is answered in its place. */
const body = z.object({ redemptions: z.array(z.unknown()).min(1).max(mostReports) });

const answers = z.object({
  results: z.array(
    z.object({
      status: z.enum([...useAnswers, 'unreadable']),
      redemptionId: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
});
type Result = z.input<typeof answers>['results'][number];

/**
 * What the platform's customers have used (guide: OptiPromo Process, the step "Redemption"): 200 with one
 * result a report, in their order; 4xx for a call that cannot be read at all, 503 for "send the same call again".
 */
export async function redemptions(app: FastifyInstance, deps: RedemptionsDeps): Promise<void> {
  const { tenants, uses, starts, countUses } = deps;
  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'POST',
    url: path,
    bodyLimit,
    schema: {
      tags: ['redemptions'],
      summary: 'Takes what customers have used, up to 10,000 rewards a call',
      description:
        'Called by the platform with one of the apiKeys as bearer. A report is `{redemptionId?, customerId, ' +
        'campaignId, promoCode, usedAt, rewards?, code?}`, `usedAt` an ISO 8601 instant with Z or an offset. ' +
        'Results come in the order of the reports. The same call may be sent again: nothing counts twice.',
      params: bearerParameters,
      body,
      response: { 200: answers, '4xx': refusal, 503: refusal },
    },
    onRequest: openBearerDoor(app, deps, 'call'),
    handler: async (request, reply) => {
      const { tenant } = request.params;
      const isRedeemed = tenants.get(tenant)?.promotions !== undefined;
      const read = request.body.redemptions.map((each) => report.safeParse(each));
      const usable = read.flatMap(({ data }) => (data ? [useOf(data)] : []));
      const recorded = await uses.record(tenant, usable, { isRedeemed });
      const told = recorded.values();
      const results = read.map(({ error }) =>
        error ? unreadable(error) : resultOf(told.next().value),
      );
      const counts = Map.groupBy(results, ({ status }) => status);
      for (const [answer, alike] of counts) countUses({ tenant, answer }, alike.length);
      if (isRedeemed && counts.has('accepted')) starts.kickSettlement(tenant);
      return reply.code(200).send({ results });
    },
  });
}

/** Whatever was not told is left out; an empty list of rewards tells nothing, either. */
function useOf({ redemptionId, rewards, code, ...use }: z.output<typeof report>): Use {
  return {
    ...use,
    ...(redemptionId !== undefined && { redemptionId }),
    ...(rewards && rewards.length > 0 && { rewards }),
    ...(code !== undefined && { code }),
  };
}

function unreadable({ issues }: z.ZodError): Result {
  const detail = issues.map(({ path: at, message }) => [...at, message].join(' ')).join('; ');
  return { status: 'unreadable', detail };
}

function resultOf(result: UseResult | undefined): Result {
  if (!result) throw new Error('A report was not answered');
  const { answer, redemptionId } = result;
  return { status: answer, ...(redemptionId !== undefined && { redemptionId }) };
}
