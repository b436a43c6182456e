import { APPROVED, clear, DENIED, has, mark, REWARDED } from '../books.ts';
import { type Campaign, positionOf } from '../campaign.ts';
import { spendOnApproval } from '../optimove/status.ts';
import type { Tenant } from '../tenant.ts';
import { decide } from './validation.ts';

/**
 * Promotions decides on these codes of a customer for somebody else than the tenant. Says whether
 * anything was awarded, and whether that is enough for him to be sent the campaign.
 */
export function awardCodes(tenant: Tenant, campaign: Campaign, index: number, slots: number[]) {
  let awarded = 0;
  for (const slot of slots) {
    const promotion = tenant.promotions.get(campaign.options.codes[slot] ?? '');
    const position = positionOf(campaign, index, slot);
    if (promotion === undefined) continue;
    const isThere = has(campaign.books.assignments, position, REWARDED);
    const decided = isThere || decide(tenant, campaign, promotion, { index, position }, {});
    if (typeof decided !== 'string') awarded += 1;
  }
  const wanted =
    campaign.options.approvalNeeds === 'any' ? Math.min(1, slots.length) : slots.length;
  return { anything: awarded > 0, suffices: awarded >= wanted };
}

/** Optimove is told that this customer may be sent the campaign. */
export function approve(tenant: Tenant, campaign: Campaign, index: number): void {
  const { customers } = campaign.books;
  const isNew = !has(customers, index, APPROVED);
  clear(customers, index, DENIED);
  mark(customers, index, APPROVED);
  if (isNew && !tenant.profile.validationConsumes) spendOnApproval(tenant, campaign, index);
}
