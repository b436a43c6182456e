import * as book from './books.ts';
import { type Campaign, placeAt } from './campaign.ts';
import { isSent } from './executed/execution.ts';
import { holdsAny, lacksCode, mayBeApproved } from './standing.ts';
import type { Tenant } from './tenant.ts';
import type { ClaimMeasures } from './triggered/claim-books.ts';
import { judgeTrigger, readClaimBooks, type TriggerVerdict } from './triggered/verdict.ts';

/** What the other side says of a campaign. */
export interface Verdict {
  campaignId: string;
  /** Customers: targeted, without control group and malformed rows. */
  audience: number;
  controls: number;
  screenedOut: number;
  approved: number;
  denied: number;
  uploaded: number;
  /** Approved last, but not holding (all of) the codes now. */
  approvedNotHeld: number;
  /** Handed over to the publisher; sent by Optimove; of those who lack a code; who holds one and was not sent. */
  published: number;
  sent: number;
  sentNotHeld: number;
  heldNotSent: number;
  /** Assignments, a customer and a code each. */
  validated: number;
  refused: number;
  /** Held at the platform now. */
  allocated: number;
  /** Held now by a customer who is not approved. */
  allocatedNotApproved: number;
  declined: number;
  revoked: number;
  /** Of the revoked: because their time was over. */
  expired: number;
  redeemed: number;
  /** By reward type: what Promotions spent on this campaign's validations, what is held now. */
  budgetSpent: Record<string, number>;
  rewardsHeld: Record<string, number>;
  /** Batches of the data connection that were never completed. */
  openUploads: number;
  lateReports: number;
  deadline: string | undefined;
  canceled: boolean;
  /** Calls that named this campaign, by kind; all calls of the tenant by kind. */
  calls: Record<string, number>;
  tenantCalls: Record<string, number>;
  /** 429 by the tenant's limiter; injected ones are counted among the faults. */
  http429: number;
  unauthorized: number;
  /** Of a triggered campaign; what its gate and event 11 brought. */
  triggered: TriggerVerdict | undefined;
  claims: ClaimMeasures | undefined;
  violationCount: number;
  violations: string[];
}

/**
 * Counts the books of one campaign: one walk over its bytes. The audience of a triggered one is who
 * met the trigger so far.
 */
export function judgeCampaign(tenant: Tenant, campaign: Campaign): Verdict {
  const { trigger } = campaign;
  const judged = trigger && judgeTrigger(campaign, trigger, Date.now());
  const left = judged?.violations ?? [];
  const violations = [...campaign.violations.list(), ...tenant.violations.list(), ...left];
  return {
    campaignId: campaign.id,
    audience: trigger?.customers ?? campaign.options.customers,
    controls: campaign.population.controls,
    ...countCustomers(campaign),
    ...countSending(campaign),
    ...countAssignments(tenant, campaign),
    openUploads: tenant.openUploads.size,
    lateReports: campaign.lateReports,
    deadline:
      campaign.deadlineMs === undefined ? undefined : new Date(campaign.deadlineMs).toISOString(),
    canceled: campaign.canceledAtMs !== undefined,
    calls: Object.fromEntries(campaign.calls),
    tenantCalls: Object.fromEntries(tenant.calls),
    http429: tenant.http429,
    unauthorized: tenant.unauthorized,
    triggered: judged?.verdict,
    claims: campaign.claims && readClaimBooks(campaign),
    violationCount: campaign.violations.count() + tenant.violations.count() + left.length,
    violations,
  };
}

function countCustomers(campaign: Campaign) {
  const counts = { screenedOut: 0, approved: 0, denied: 0, uploaded: 0, approvedNotHeld: 0 };
  const { customers } = campaign.books;
  for (let index = 0; index < customers.length; index += 1) {
    const facts = customers[index] ?? 0;
    if (facts === 0) continue;
    if (facts & book.SCREENED_OUT) counts.screenedOut += 1;
    if (facts & book.DENIED) counts.denied += 1;
    if (facts & book.UPLOADED) counts.uploaded += 1;
    if (facts & book.APPROVED) {
      counts.approved += 1;
      if (!mayBeApproved(campaign, index)) counts.approvedNotHeld += 1;
    }
  }
  return counts;
}

/** What the execution says of them; nobody was sent before it. */
function countSending(campaign: Campaign) {
  const counts = { published: 0, sent: 0, sentNotHeld: 0, heldNotSent: 0 };
  const { sending } = campaign.books;
  const isExecuted = campaign.executions.length > 0 && campaign.trigger === undefined;
  for (let index = 0; index < sending.length; index += 1) {
    if (book.has(sending, index, book.PUBLISHED)) counts.published += 1;
    if (!isExecuted) continue;
    if (isSent(campaign, index)) {
      counts.sent += 1;
      if (lacksCode(campaign, index)) counts.sentNotHeld += 1;
    } else if (holdsAny(campaign, index)) counts.heldNotSent += 1;
  }
  return counts;
}

function countAssignments(tenant: Tenant, campaign: Campaign) {
  const counts = {
    validated: 0,
    refused: 0,
    allocated: 0,
    allocatedNotApproved: 0,
    declined: 0,
    revoked: 0,
    expired: 0,
    redeemed: 0,
  };
  const { tiers, customers } = campaign.books;
  const { total } = campaign.population;
  const written = total * campaign.options.codes.length * (campaign.trigger?.highest ?? 1);
  const assignments = campaign.books.assignments.subarray(0, written);
  // Nobody is asked who may be sent a campaign that begins with its execution.
  const isAnybodyAsked = campaign.options.flow !== 'executions';
  const spent = new Map<string, number>();
  const held = new Map<string, number>();
  for (let position = 0; position < assignments.length; position += 1) {
    const facts = assignments[position] ?? 0;
    if (facts === 0) continue;
    if (facts & book.REWARDED) counts.validated += 1;
    else if (facts & book.ASKED) counts.refused += 1;
    if (facts & book.DECLINED) counts.declined += 1;
    if (facts & book.REDEEMED) counts.redeemed += 1;
    if (facts & book.EXPIRED) counts.expired += 1;
    if (facts & book.REVOKED && !(facts & book.HELD)) counts.revoked += 1;
    if (facts & book.HELD) {
      counts.allocated += 1;
      const isOwed = isAnybodyAsked && !book.has(customers, position % total, book.APPROVED);
      if (isOwed) counts.allocatedNotApproved += 1;
    }
    const code = campaign.options.codes[placeAt(campaign, position).slot] ?? '';
    const tier = tenant.promotions.get(code)?.tiers[(tiers[position] ?? 0) - 1];
    for (const { rewardTypeId, value } of tier?.rewards ?? []) {
      if (facts & book.REWARDED) spent.set(rewardTypeId, (spent.get(rewardTypeId) ?? 0) + value);
      if (facts & book.HELD) held.set(rewardTypeId, (held.get(rewardTypeId) ?? 0) + value);
    }
  }
  return {
    ...counts,
    budgetSpent: Object.fromEntries(spent),
    rewardsHeld: Object.fromEntries(held),
  };
}
