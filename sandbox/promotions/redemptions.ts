import { z } from 'zod';
import { APPROVED, HELD, has, mark, REDEEMED } from '../books.ts';
import { type Answer, answer, type Call, readBody } from '../call.ts';
import { type Campaign, instancesOf, locate, positionOf } from '../campaign.ts';
import { hashText } from '../key-table.ts';
import { isClosed } from '../standing.ts';
import { campaignOf, type Tenant } from '../tenant.ts';
import { answersOf } from '../triggered/trigger.ts';

const LARGEST_CALL = 1000;

const redemption = z.looseObject({
  redemptionId: z.string(),
  customerId: z.string(),
  occurrenceId: z.union([z.string(), z.int()]),
  promocodeId: z.string().optional(),
  promotionId: z.string().optional(),
});

type Redemption = z.output<typeof redemption>;

const redemptionsBody = z.object({ redemptions: z.array(redemption).max(LARGEST_CALL) });

/** Redemption (API §10.7): a redemptionId counts once, however often it comes. */
export function recordRedemptions(call: Call): Answer {
  const { redemptions } = readBody(call, redemptionsBody);
  const rejected: { redemptionId: string; reason: string }[] = [];
  const campaigns = new Map<string, Campaign | undefined>();
  for (const each of redemptions) {
    const id = String(each.occurrenceId);
    if (!campaigns.has(id)) campaigns.set(id, campaignOf(call.tenant, id, call.kind));
    const reason = record(call, campaigns.get(id), each);
    if (reason !== undefined) rejected.push({ redemptionId: each.redemptionId, reason });
  }
  return answer(200, { accepted: redemptions.length - rejected.length, rejected });
}

/** Records one, and says why it was rejected, if it was. */
function record(call: Call, campaign: Campaign | undefined, each: Redemption): string | undefined {
  const { redemptionId, customerId } = each;
  if (campaign === undefined) return 'UNKNOWN_OCCURRENCE';
  const { ids, contents } = call.tenant.redemptions;
  const [content] = hashText(JSON.stringify(each));
  const entry = ids.find(redemptionId);
  if (entry >= 0) {
    if (contents[entry] === content) return undefined;
    campaign.violations.add('redemption id reused', campaign.id, customerId, redemptionId);
    return 'REDEMPTION_ID_IN_USE';
  }
  contents[ids.add(redemptionId)] = content;
  const { index, slot } = locate(campaign, customerId, codeOf(call.tenant, each));
  if (index < 0 || slot < 0) {
    campaign.violations.add('not targeted', campaign.id, customerId, 'redeemed');
    return 'UNKNOWN_CUSTOMER';
  }
  const position = positionToRedeem(campaign, index, slot);
  judge(call, campaign, index, position, customerId);
  mark(campaign.books.assignments, position, REDEEMED);
  return undefined;
}

/** What is held and not redeemed yet; else what is held at all. */
function positionToRedeem(campaign: Campaign, index: number, slot: number): number {
  const { assignments } = campaign.books;
  let held = positionOf(campaign, index, slot);
  for (let instance = 0; instance < instancesOf(campaign, index); instance += 1) {
    const position = positionOf(campaign, index, slot, instance);
    if (!has(assignments, position, HELD)) continue;
    held = position;
    if (!has(assignments, position, REDEEMED)) break;
  }
  return held;
}

/**
 * Approved by a report; by the gate, unless every answer was no; or given by event 11. What is given after
 * event 13 alone was judged when it was given.
 */
function isEntitled({ trigger, books, options }: Campaign, index: number): boolean {
  if (options.flow !== 'managed') return true;
  if (trigger === undefined) return has(books.customers, index, APPROVED);
  const { begun, denied } = answersOf(trigger, index);
  return denied < begun;
}

function judge(
  call: Call,
  campaign: Campaign,
  index: number,
  position: number,
  customerId: string,
): void {
  const { books, violations, id } = campaign;
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, customerId, 'redeemed');
  }
  const isHeld = has(books.assignments, position, HELD);
  if (!isHeld || !isEntitled(campaign, index)) {
    violations.add('redeemed without right', id, customerId, isHeld ? 'not approved' : 'not held');
  }
  if (has(books.assignments, position, REDEEMED)) {
    violations.add('redeemed twice', id, customerId, 'under another redemptionId');
  }
}

function codeOf(tenant: Tenant, { promocodeId, promotionId }: Redemption): string {
  for (const promotion of tenant.promotions.values()) {
    if (promocodeId === promotion.promocodeId) return promotion.code;
    if (promocodeId === undefined && promotionId === promotion.promotionId) return promotion.code;
  }
  return '';
}
