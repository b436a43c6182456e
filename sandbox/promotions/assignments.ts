import { z } from 'zod';
import { APPROVED, ASKED, has, REWARDED } from '../books.ts';
import { type Answer, answer, type Call, readBody, refuse } from '../call.ts';
import { type Campaign, instancesOf, placeAt, positionOf } from '../campaign.ts';
import { idOf, indexOf } from '../population.ts';
import { campaignOf, type Tenant } from '../tenant.ts';
import { type Promotion, uniqueCode } from './promotion.ts';

const LARGEST_PAGE = 10_000;

const assignmentsBody = z.object({
  occurrenceId: z.union([z.string(), z.int()]),
  customerIds: z.array(z.string()).optional(),
  promocodeId: z.string().optional(),
  promotionId: z.string().optional(),
  skip: z.int().nonnegative().default(0),
  take: z.int().positive().max(LARGEST_PAGE).default(1000),
});

type Asked = z.output<typeof assignmentsBody>;

/** Customer Assignment (API §10.6): who was allocated what in an occurrence. Safe to repeat. */
export function readAssignments(call: Call): Answer {
  const asked = readBody(call, assignmentsBody);
  const campaign = campaignOf(call.tenant, asked.occurrenceId, call.kind);
  if (campaign === undefined) {
    return refuse(404, 'Not Found', `unknown occurrence ${asked.occurrenceId}`);
  }
  // A triggered campaign is executed customer by customer.
  const isExecuted = campaign.executedAtMs !== undefined || campaign.trigger !== undefined;
  const { awards } = call.tenant.profile;
  if (awards === 'execution' && !isExecuted) return answer(200, { items: [], total: 0 });
  const positions =
    asked.customerIds === undefined
      ? wholeList(call.tenant, campaign, asked)
      : Uint32Array.from(listAwards(call.tenant, campaign, asked));
  const items = [...positions.subarray(asked.skip, asked.skip + asked.take)].map((position) =>
    awardAt(call.tenant, campaign, position),
  );
  return answer(200, { items, total: positions.length });
}

/** The list of a whole occurrence is made once, and again when anything was decided since. */
function wholeList(tenant: Tenant, campaign: Campaign, asked: Asked): Uint32Array {
  const { awards, rejectedAwards } = tenant.profile;
  const filter = [asked.promocodeId, asked.promotionId, awards, rejectedAwards];
  const of = JSON.stringify([campaign.changes, ...filter]);
  if (campaign.awards?.of === of) return campaign.awards.positions;
  const positions = Uint32Array.from(listAwards(tenant, campaign, asked));
  campaign.awards = { of, positions };
  return positions;
}

/** The positions that are shown: by code, then by customer. */
function* listAwards(tenant: Tenant, campaign: Campaign, asked: Asked): Generator<number> {
  const { awards, rejectedAwards } = tenant.profile;
  const { books, options } = campaign;
  for (const [slot, code] of options.codes.entries()) {
    const promotion = tenant.promotions.get(code);
    if (promotion === undefined || !isAsked(promotion, asked)) continue;
    for (const index of indexesOf(campaign, asked.customerIds)) {
      const isApproved = awards === 'validation' || has(books.customers, index, APPROVED);
      for (let instance = 0; instance < instancesOf(campaign, index); instance += 1) {
        const position = positionOf(campaign, index, slot, instance);
        const isRewarded = has(books.assignments, position, REWARDED);
        const isRejected = !isRewarded && has(books.assignments, position, ASKED);
        if (isRewarded ? isApproved : isRejected && rejectedAwards) yield position;
      }
    }
  }
}

function isAsked(promotion: Promotion, asked: Asked): boolean {
  const { promocodeId, promotionId } = asked;
  if (promocodeId !== undefined && promocodeId !== promotion.promocodeId) return false;
  return promotionId === undefined || promotionId === promotion.promotionId;
}

function* indexesOf(campaign: Campaign, customerIds: string[] | undefined): Generator<number> {
  if (customerIds === undefined) {
    for (let index = 0; index < campaign.population.total; index += 1) yield index;
    return;
  }
  for (const id of customerIds) {
    const index = indexOf(campaign.population, id);
    if (index >= 0) yield index;
  }
}

function awardAt(tenant: Tenant, campaign: Campaign, position: number) {
  const { index, slot } = placeAt(campaign, position);
  const promotion = tenant.promotions.get(campaign.options.codes[slot] ?? '');
  if (promotion === undefined) return undefined;
  const isRewarded = has(campaign.books.assignments, position, REWARDED);
  const tier = promotion.tiers[(campaign.books.tiers[position] ?? 0) - 1];
  const number = campaign.books.uniqueCodes?.[position] ?? 0;
  return {
    customerId: idOf(campaign.population, index),
    status: isRewarded ? 'ASSIGNED' : 'REJECTED',
    promocodeId: promotion.promocodeId,
    promotionId: promotion.promotionId,
    occurrenceId: campaign.id,
    seriesId: campaign.trigger?.options.seriesId ?? null,
    rewards: (isRewarded ? (tier?.rewards ?? []) : []).map(({ rewardTypeId, category, value }) => ({
      rewardTypeId,
      rewardType: category,
      value,
      tierId: tier?.id,
      tierName: tier?.name,
      ...(number > 0 ? { code: uniqueCode(promotion, number - 1) } : {}),
    })),
    properties: promotion.properties ?? {},
  };
}
