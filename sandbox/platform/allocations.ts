import { z } from 'zod';
import {
  DECLINED as BOOK_DECLINED,
  CLAIMED,
  GIVEN,
  HELD,
  has,
  mark,
  SCREENED_OUT,
} from '../books.ts';
import { type Answer, answer, type Call, readBody, refuse } from '../call.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { isControl, isDeclined, isVisitor } from '../population.ts';
import { excess, spend } from '../promotions/promotion.ts';
import { isClosed } from '../standing.ts';
import { campaignOf } from '../tenant.ts';
import { checkIdempotency } from './idempotency.ts';
import { ALLOCATED, BARRED, DECLINED, REVOKED } from './keys.ts';
import { isSamePlace, type Place, placeOf } from './place.ts';
import { judgeRewards } from './rewards.ts';
import { verifySignature } from './signature.ts';
import { judgeTerms } from './terms.ts';

const allocation = z.object({
  key: z.string().min(1),
  customerId: z.string(),
  promoCode: z.string(),
  startsAt: z.iso.datetime({ offset: true }).nullish(),
  rewards: z.array(
    z.object({ rewardTypeId: z.string(), value: z.number(), code: z.string().nullish() }),
  ),
  expiresAt: z.iso.datetime({ offset: true }),
});

const allocationsBody = z.object({
  campaignId: z.union([z.string(), z.int()]),
  campaign: z.looseObject({ id: z.union([z.string(), z.int()]), kind: z.string() }).optional(),
  allocations: z.array(allocation),
});

export type Allocation = z.output<typeof allocation>;

/** POST /allocations: gives each key once; the same key again answers the same, gives nothing. */
export function allocate(call: Call): Answer {
  verifySignature(call);
  const { campaignId, campaign: described, allocations } = readBody(call, allocationsBody);
  if (described !== undefined && String(described.id) !== String(campaignId)) {
    refuse(400, 'Bad Request', `campaign.id ${described.id} is not campaignId ${campaignId}`);
  }
  limitItems(call, allocations.length);
  checkIdempotency(call, String(campaignId));
  const campaign = campaignOf(call.tenant, campaignId, call.kind);
  const results = allocations.map((each) => allocateOne(call, campaign, String(campaignId), each));
  return answer(200, { results: inAnyOrder(call, results) });
}

/** 413 teaches the platform's size. */
export function limitItems(call: Call, items: number): void {
  const { maxItemsPerCall } = call.tenant.options.platform;
  if (items > maxItemsPerCall) {
    refuse(413, 'Content Too Large', `at most ${maxItemsPerCall} items a call`);
  }
}

export function inAnyOrder<Result>(call: Call, results: Result[]): Result[] {
  return call.tenant.profile.answerOrder === 'reversed' ? results.reverse() : results;
}

function allocateOne(
  call: Call,
  campaign: Campaign | undefined,
  campaignId: string,
  each: Allocation,
) {
  const { keys } = call.tenant;
  const place = placeOf(campaign, campaignId, each);
  const known = keys.find(each.key);
  if (known < 0) {
    const isGiven = place.index < 0 || !declines(campaign, place.index);
    const state = isGiven ? ALLOCATED : DECLINED;
    const entry = keys.add(each.key, state, place.campaign, place.position);
    if (campaign !== undefined) enterBooks(call, campaign, place, each, isGiven);
    return result(each.key, state, entry);
  }
  const state = keys.state(known);
  if (
    state !== BARRED &&
    !isSamePlace(campaign, place, keys.campaign(known), keys.position(known))
  ) {
    const detail = `${each.key} came with another assignment`;
    call.tenant.violations.add('key reused', campaignId, each.customerId, detail);
  }
  return result(each.key, state, known);
}

function declines(campaign: Campaign | undefined, index: number): boolean {
  return campaign !== undefined && isDeclined(campaign.population, index);
}

function result(key: string, state: number, entry: number) {
  if (state === ALLOCATED) return { key, status: 'allocated', reference: `ref-${entry + 1}` };
  const isTakenBack = state === REVOKED || state === BARRED;
  return { key, status: 'declined', reason: isTakenBack ? 'revoked' : 'limit_reached' };
}

function enterBooks(
  call: Call,
  campaign: Campaign,
  { index, slot, position }: Place,
  each: Allocation,
  isGiven: boolean,
): void {
  const { violations, id, books } = campaign;
  const { customerId, promoCode } = each;
  if (index < 0 || slot >= codesHeldBy(campaign, index)) {
    violations.add('not targeted', id, customerId, `allocated ${promoCode}`);
    if (index < 0) return;
  }
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, customerId, `allocated ${promoCode}`);
  }
  if (isControl(campaign.population, index)) {
    violations.add('control group', id, customerId, `allocated ${promoCode}`);
  }
  if (has(books.customers, index, SCREENED_OUT)) {
    violations.add('screened out', id, customerId, `allocated ${promoCode}`);
  }
  if (isVisitor(campaign.population, index) && !campaign.trigger?.options.visitorsAllowed) {
    violations.add('visitor', id, customerId, `allocated ${promoCode}`);
  }
  const isClaimed = has(books.customers, index, CLAIMED);
  if (campaign.options.activation === 'claimed' && !isClaimed) {
    violations.add('given before the claim', id, customerId, `allocated ${promoCode}`);
  }
  if (!isGiven) {
    mark(books.assignments, position, BOOK_DECLINED);
    return;
  }
  if (has(books.assignments, position, GIVEN)) {
    violations.add('second allocation', id, customerId, `${promoCode} under ${each.key}`);
  }
  judgeTerms(call, campaign, { index, position }, each);
  judgeRewards(call.tenant, campaign, position, each);
  const isNew = !has(books.assignments, position, HELD);
  mark(books.assignments, position, GIVEN | HELD);
  const promotion = call.tenant.promotions.get(promoCode);
  const tier = promotion?.tiers[(books.tiers[position] ?? 0) - 1];
  if (promotion === undefined || tier === undefined || !isNew) return;
  spend(promotion.held, tier, 1);
  const over = call.tenant.profile.validationConsumes ? excess(promotion) : undefined;
  if (over !== undefined) violations.add('budget exceeded', id, customerId, over);
}
