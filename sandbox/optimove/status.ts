import { z } from 'zod';
import { APPROVED, CLAIMED, CONFIRMED, clear, DENIED, has, mark, REWARDED } from '../books.ts';
import { type Answer, answer, type Call, Refusal, readBody } from '../call.ts';
import { type Campaign, codesHeldBy, heldOf, positionOf } from '../campaign.ts';
import { indexOf, isControl } from '../population.ts';
import { spend } from '../promotions/promotion.ts';
import { isClosed, mayBeApproved } from '../standing.ts';
import { campaignOf, type Tenant } from '../tenant.ts';

const LARGEST_REPORT = 10_000;

const reportBody = z.object({
  TimeStamp: z.string().optional(),
  CampaignID: z.union([z.int(), z.string()]),
  PromosUpdated: z.array(z.object({ CustomerID: z.string(), Status: z.boolean() })),
});

/** UpdateCustomerPromotionStatus (API §7): 200 with an empty body; the last word counts. */
export function updateStatus(call: Call): Answer {
  const { CampaignID, PromosUpdated } = readBody(call, reportBody);
  if (PromosUpdated.length > LARGEST_REPORT) {
    throw new Refusal(answer(400, 'PromosUpdated holds more than 10000 elements'));
  }
  const campaign = campaignOf(call.tenant, CampaignID, call.kind);
  if (campaign === undefined) throw new Refusal(answer(404, 'Campaign not found'));
  if (call.tenant.profile.unknownIds === 'fail') refuseUnknown(campaign, PromosUpdated);

  const isLate = campaign.deadlineMs !== undefined && call.arrivedAtMs >= campaign.deadlineMs;
  const rest = PromosUpdated.filter((row) => !confirms(call.tenant, campaign, row));
  const [first] = rest;
  if (isLate && first !== undefined) {
    campaign.lateReports += rest.length;
    const late = call.arrivedAtMs - (campaign.deadlineMs ?? 0);
    const detail = `${rest.length} customers, ${late} ms late`;
    campaign.violations.add('report after deadline', campaign.id, first.CustomerID, detail);
    if (call.tenant.profile.lateReports === 'ignored') return { status: 200 };
  }
  for (const { CustomerID, Status } of rest) {
    record(call, campaign, CustomerID, Status);
  }
  return { status: 200 };
}

type Row = z.output<typeof reportBody>['PromosUpdated'][number];

/**
 * Does this row close the loop of a claim (guide "Advanced Activation Flow", step 5)? Such a report
 * follows the delivery of the reward, whenever that was, and no deadline binds it. The shop may
 * hear of its reward later than Optimove: a claim that is on its way counts.
 */
function confirms(tenant: Tenant, campaign: Campaign, { CustomerID, Status }: Row): boolean {
  if (!Status || campaign.claims === undefined) return false;
  const index = indexOf(campaign.population, CustomerID);
  if (index < 0 || !has(campaign.books.customers, index, CLAIMED)) return false;
  const isHeld = campaign.options.codes.some((_, slot) => heldOf(campaign, index, slot) > 0);
  if (!isHeld || has(campaign.books.customers, index, CONFIRMED)) return isHeld;
  mark(campaign.books.customers, index, CONFIRMED);
  if (!tenant.profile.validationConsumes) spendOnApproval(tenant, campaign, index);
  return true;
}

function record(call: Call, campaign: Campaign, customerId: string, status: boolean): void {
  const index = indexOf(campaign.population, customerId);
  const isTargeted = index >= 0 && (campaign.trigger?.begun[index] ?? 1) > 0;
  if (!isTargeted) {
    campaign.violations.add('not targeted', campaign.id, customerId, 'reported');
    return;
  }
  judge(call, campaign, index, customerId, status);
  campaign.changes += 1;
  const { customers } = campaign.books;
  const isNew = status && !has(customers, index, APPROVED);
  clear(customers, index, status ? DENIED : APPROVED);
  mark(customers, index, status ? APPROVED : DENIED);
  if (isNew && !call.tenant.profile.validationConsumes)
    spendOnApproval(call.tenant, campaign, index);
}

function judge(
  call: Call,
  campaign: Campaign,
  index: number,
  customerId: string,
  status: boolean,
): void {
  const { violations, id } = campaign;
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, customerId, `reported ${status}`);
  }
  if (campaign.options.flow === 'publisher' || campaign.options.flow === 'automatic') {
    violations.add('reported beside the publisher', id, customerId, `reported ${status}`);
    return;
  }
  if (!status) return;
  if (isControl(campaign.population, index)) {
    violations.add('control group', id, customerId, 'approved');
  } else if (!mayBeApproved(campaign, index)) {
    violations.add('approved but not held', id, customerId);
  }
}

/** Where validation is only a question, an approval (or the gate's yes) spends the budget. */
export function spendOnApproval(
  tenant: Tenant,
  campaign: Campaign,
  index: number,
  instance = 0,
): void {
  for (let slot = 0; slot < codesHeldBy(campaign, index); slot += 1) {
    const position = positionOf(campaign, index, slot, instance);
    const promotion = tenant.promotions.get(campaign.options.codes[slot] ?? '');
    const tier = promotion?.tiers[(campaign.books.tiers[position] ?? 0) - 1];
    if (promotion && tier && has(campaign.books.assignments, position, REWARDED)) {
      spend(promotion.spent, tier, 1);
    }
  }
}

function refuseUnknown(campaign: Campaign, rows: { CustomerID: string }[]): void {
  const stranger = rows.find(({ CustomerID }) => indexOf(campaign.population, CustomerID) < 0);
  if (stranger === undefined) return;
  throw new Refusal(answer(400, `Unknown customer ${stranger.CustomerID}`));
}
