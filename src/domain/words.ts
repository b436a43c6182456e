/**
 * The words of this house, one meaning each.
 *
 * tenant      an Optimove client with its own credentials
 * campaign    one occurrence, `CampaignID`; a series is the plan it belongs to
 * audience    the customers Optimove targeted
 * promo code  the code in Optimove; its promocode id is its name in Promotions (OptiPromo)
 * reward      what Promotions says a customer gets (on the wire: effects)
 * award       one item of Promotions' Customer Assignment
 * assignment  one (tenant, campaign, customer, promo code, instance): what everything is about
 * batch       up to 10,000 customers with all their codes, who travel together
 * stage       a step of a batch: screen, validate, allocate, upload, report, redeem; or revoke
 * recipe      the list of stages of a flow; the plan is what a run was decided to do when it opened
 * deadline    the instant ClearanceRequiredBy; stop and last report are the instants before it after
 *             which nothing new is given, and nothing is reported
 * clearance   what Optimove was told of a customer
 * hold        waiting for a person; release ends it; halt is a tenant's emergency stop
 * fence       the mark in the ledger that ends a campaign's effects
 * effect      one outside call that changes something, as the ledger remembers it
 */

/** A campaign as both sides name it. `campaignId` keeps Optimove's spelling of `CampaignID`. */
export interface CampaignId {
  tenant: string;
  campaignId: string;
}

/** The far sides of a tenant; limits, sizes learned and alerts are kept for each. */
export const farSides = [
  'optimove',
  'promotions',
  'publisher',
  'dataConnection',
  'platform',
] as const;
export type FarSide = (typeof farSides)[number];

/** A customer's code in the audience that stands for "no code": a compliance check only. */
export const noCode = '';

/** One reward of one assignment, as Promotions answered it or as the platform really gave it. */
export interface Reward {
  rewardTypeId: string;
  value: number;
  tierId?: string;
  tierName?: string;
  /** A unique code, one customer's alone. */
  code?: string;
}

/** Why something is taken back; the platform is told (platform contract). */
export const revocationReasons = [
  'canceled',
  'deadline',
  'expired',
  'late',
  'not_sent',
  'operator',
  'suppressed',
] as const;
export type RevocationReason = (typeof revocationReasons)[number];
