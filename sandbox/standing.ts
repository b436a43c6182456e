import { EXPIRED, HELD, has, SCREENED, SCREENED_OUT } from './books.ts';
import { type Campaign, codesHeldBy, heldOf, positionOf } from './campaign.ts';
import type { Tenant } from './tenant.ts';

/** Did he pass the platform's screen? A tenant who never asks it has rules of his own. */
export function isScreened(tenant: Tenant, campaign: Campaign, index: number): boolean {
  if (has(campaign.books.customers, index, SCREENED_OUT)) return false;
  return !tenant.calls.has('screenings') || has(campaign.books.customers, index, SCREENED);
}

/** May this customer be approved now: does he hold what he was targeted with? */
export function mayBeApproved(campaign: Campaign, index: number): boolean {
  const slots = codesHeldBy(campaign, index);
  const isFree = slots === 0 || campaign.options.activation === 'claimed';
  if (isFree) return !has(campaign.books.customers, index, SCREENED_OUT);
  let held = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    if (heldOf(campaign, index, slot) > 0) held += 1;
  }
  return campaign.options.approvalNeeds === 'any' ? held > 0 : held === slots;
}

const GRACE_MS = 2000;

/** After the 200 to event 4, what is on the wire may land within two seconds, no longer. */
export function isClosed(campaign: Campaign, atMs: number): boolean {
  return campaign.cancelHeardAtMs !== undefined && atMs > campaign.cancelHeardAtMs + GRACE_MS;
}

/**
 * Does he lack a code of his that was not taken back because its time was over? Where the shop must claim,
 * nobody lacks anything before that.
 */
export function lacksCode(campaign: Campaign, index: number): boolean {
  if (campaign.options.activation === 'claimed') return false;
  const slots = codesHeldBy(campaign, index);
  const { assignments } = campaign.books;
  let had = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    if (has(assignments, positionOf(campaign, index, slot), HELD | EXPIRED)) had += 1;
  }
  return campaign.options.approvalNeeds === 'any' ? slots > 0 && had === 0 : had < slots;
}

/** Does he hold any code of this campaign now? */
export function holdsAny(campaign: Campaign, index: number): boolean {
  return campaign.options.codes.some((_, slot) => heldOf(campaign, index, slot) > 0);
}
