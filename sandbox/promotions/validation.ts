import { z } from 'zod';
import { ASKED, has, mark, REWARDED, SCREENED_OUT } from '../books.ts';
import { type Answer, answer, type Call, readBody, refuse } from '../call.ts';
import { type Campaign, codesHeldBy, openPosition } from '../campaign.ts';
import type { Tier } from '../options.ts';
import { attributeOf, indexOf, isControl, isVisitor } from '../population.ts';
import { isClosed } from '../standing.ts';
import { campaignOf, type Tenant } from '../tenant.ts';
import { hasRoom, type Promotion, spend, uniqueCode } from './promotion.ts';
import { chooseTier } from './tiers.ts';

const LARGEST_CALL = 10_000;

const validateBody = z.object({
  contexts: z
    .array(
      z.object({
        customerId: z.string(),
        sessionProperties: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .max(LARGEST_CALL),
  campaignData: z.object({
    campaignId: z.union([z.int(), z.string()]).optional(),
    occurrenceId: z.union([z.int(), z.string()]).optional(),
  }),
});

type Context = z.output<typeof validateBody>['contexts'][number];

/** validateCustomers (API §10.5): who is eligible, for which tier; spends in the order asked. */
export function validateCustomers(call: Call): Answer {
  const promotion = promotionOf(call.tenant, call.params[0] ?? '');
  const { contexts, campaignData } = readBody(call, validateBody);
  const id = campaignData.occurrenceId ?? campaignData.campaignId ?? '';
  const campaign = campaignOf(call.tenant, id, call.kind);
  if (campaign === undefined) return refuse(400, 'Bad Request', `unknown occurrence ${id}`);
  const slot = campaign.options.codes.indexOf(promotion.code);
  if (call.tenant.profile.unknownIds === 'fail') refuseUnknown(campaign, contexts);

  const answers = contexts.map((context) => judge(call, campaign, promotion, slot, context));
  if (call.tenant.profile.answerOrder === 'reversed') answers.reverse();
  const { promocodeId, promotionId } = promotion;
  return answer(200, { promocodeId, promotionId, contexts: answers });
}

function promotionOf(tenant: Tenant, promocodeId: string): Promotion {
  for (const promotion of tenant.promotions.values()) {
    if (promotion.promocodeId === promocodeId) return promotion;
  }
  return refuse(404, 'Not Found', `no promocode ${promocodeId}`);
}

function judge(
  call: Call,
  campaign: Campaign,
  promotion: Promotion,
  slot: number,
  { customerId, sessionProperties }: Context,
) {
  const index = indexOf(campaign.population, customerId);
  if (index < 0 || slot < 0) {
    campaign.violations.add('not targeted', campaign.id, customerId, `validated ${promotion.code}`);
    return invalid(customerId, 'UNKNOWN_CUSTOMER');
  }
  const position = openPosition(campaign, index, slot, REWARDED);
  findFault(call, campaign, customerId, index, slot, position);
  const place = { index, position };
  const decided = decide(call.tenant, campaign, promotion, place, sessionProperties ?? {});
  if (typeof decided === 'string') return invalid(customerId, decided);
  return { customerId, valid: true, effects: effectsOf(decided.tier, decided.code) };
}

/** Chooses tier and unique code, spends the budget and writes it down; or says why not. */
export function decide(
  tenant: Tenant,
  campaign: Campaign,
  promotion: Promotion,
  { index, position }: { index: number; position: number },
  session: Record<string, unknown>,
): { tier: Tier; code: string | undefined } | string {
  campaign.changes += 1;
  mark(campaign.books.assignments, position, ASKED);
  if (!promotion.active) return 'PROMOTION_INACTIVE';
  const chosen = chooseTier(promotion.tiers, (name) =>
    name.startsWith('session.')
      ? session[name.slice(8)]
      : attributeOf(campaign.population, index, name.replace(/^customer\./, '')),
  );
  const tier = promotion.tiers[chosen];
  if (tier === undefined) return 'NO_TIER';
  if (!hasRoom(promotion, tier)) return 'BUDGET_EXCEEDED';
  const isUnique = promotion.uniqueCodes > 0;
  if (isUnique && promotion.uniqueCodesUsed >= promotion.uniqueCodes) return 'NO_CODES_LEFT';

  mark(campaign.books.assignments, position, REWARDED);
  campaign.books.tiers[position] = chosen + 1;
  if (tenant.profile.validationConsumes) spend(promotion.spent, tier, 1);
  return { tier, code: isUnique ? handOut(campaign, promotion, position) : undefined };
}

function handOut(campaign: Campaign, promotion: Promotion, position: number): string {
  const number = promotion.uniqueCodesUsed;
  promotion.uniqueCodesUsed += 1;
  if (campaign.books.uniqueCodes) campaign.books.uniqueCodes[position] = number + 1;
  return uniqueCode(promotion, number);
}

function effectsOf(tier: Tier, code: string | undefined) {
  return tier.rewards.map(({ rewardTypeId, category, value }) => ({
    tierId: tier.id,
    tierName: tier.name,
    rewardTypeId,
    rewardType: category,
    value,
    ...(code === undefined ? {} : { code }),
  }));
}

function findFault(
  call: Call,
  campaign: Campaign,
  customerId: string,
  index: number,
  slot: number,
  position: number,
): void {
  const { violations, id, books } = campaign;
  const code = campaign.options.codes[slot] ?? '';
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, customerId, `validated ${code}`);
  }
  if (isControl(campaign.population, index)) {
    violations.add('control group', id, customerId, `validated ${code}`);
  } else if (slot >= codesHeldBy(campaign, index)) {
    violations.add('not targeted', id, customerId, `validated ${code}`);
  }
  if (has(books.assignments, position, REWARDED)) {
    violations.add('validated again', id, customerId, code);
  }
  if (isVisitor(campaign.population, index) && !campaign.trigger?.options.visitorsAllowed) {
    violations.add('visitor', id, customerId, `validated ${code}`);
  }
  if (has(books.customers, index, SCREENED_OUT)) {
    violations.add('screened out', id, customerId, `validated ${code}`);
  }
}

function refuseUnknown(campaign: Campaign, contexts: Context[]): void {
  const stranger = contexts.find(({ customerId }) => indexOf(campaign.population, customerId) < 0);
  if (stranger) refuse(400, 'Bad Request', `unknown customer ${stranger.customerId}`);
}

const invalid = (customerId: string, reason: string) => ({
  customerId,
  valid: false,
  effects: [],
  reason,
});
