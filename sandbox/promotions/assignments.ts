import { z } from 'zod';
import { APPROVED, ASKED, has, REWARDED } from '../books.ts';
import { type Answer, answer, type Call, readBody, refuse } from '../call.ts';
import { type Campaign, instancesOf, positionOf } from '../campaign.ts';
import { idOf, indexOf } from '../population.ts';
import { campaignOf } from '../tenant.ts';
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

/** Customer Assignment (API §10.6): who was allocated what in an occurrence. Safe to repeat. */
export function readAssignments(call: Call): Answer {
  const asked = readBody(call, assignmentsBody);
  const campaign = campaignOf(call.tenant, asked.occurrenceId, call.kind);
  if (campaign === undefined) {
    return refuse(404, 'Not Found', `unknown occurrence ${asked.occurrenceId}`);
  }
  const { awards, rejectedAwards } = call.tenant.profile;
  // A triggered campaign is executed customer by customer.
  const isExecuted = campaign.executedAtMs !== undefined || campaign.trigger !== undefined;
  if (awards === 'execution' && !isExecuted) {
    return answer(200, { items: [], total: 0 });
  }
  const shown = rejectedAwards ? ASKED : REWARDED;
  const items: unknown[] = [];
  let total = 0;
  for (const [slot, code] of campaign.options.codes.entries()) {
    const promotion = call.tenant.promotions.get(code);
    if (promotion === undefined || !isAsked(promotion, asked)) continue;
    for (const index of indexesOf(campaign, asked.customerIds)) {
      if (awards === 'execution' && !has(campaign.books.customers, index, APPROVED)) continue;
      for (let instance = 0; instance < instancesOf(campaign, index); instance += 1) {
        const position = positionOf(campaign, index, slot, instance);
        if (!has(campaign.books.assignments, position, shown)) continue;
        const isOnPage = total >= asked.skip && total < asked.skip + asked.take;
        if (isOnPage) items.push(award(campaign, promotion, index, position));
        total += 1;
      }
    }
  }
  return answer(200, { items, total });
}

function isAsked(promotion: Promotion, asked: z.output<typeof assignmentsBody>): boolean {
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

function award(campaign: Campaign, promotion: Promotion, index: number, position: number) {
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
