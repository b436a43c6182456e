import { claimsOpen } from '../domain/campaign.ts';
import { noCode, type Reward } from '../domain/words.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import type { Claimable } from '../ledger/claims.ts';

/** Why a claim is refused: one of few words, which a shop can show in words of its own. */
export const claimRefusals = [
  'not_targeted',
  'not_open',
  'expired',
  'canceled',
  'suppressed',
  'not_eligible',
  'budget_gone',
  'declined',
] as const;
export type ClaimRefusal = (typeof claimRefusals)[number];

/** What a customer asks for with one click. */
export interface Claim {
  /** The same click has the same id, however often it is sent. */
  claimId: string;
  customerId: string;
  campaignId: string;
  /** Undefined: all codes of the customer. */
  promoCode?: string;
  /** What is true of this moment, such as a deposit's amount (API §10.2). */
  sessionProperties?: Record<string, unknown>;
}

export type ClaimAnswer =
  | {
      status: 'granted' | 'already_granted';
      rewards: Reward[];
      code: string | undefined;
      /** Epoch milliseconds. */
      expiresAt: number;
    }
  | { status: 'refused'; reason: ClaimRefusal; detail?: string }
  | { status: 'busy'; retryAfterSeconds: number };

export const busy: ClaimAnswer = { status: 'busy', retryAfterSeconds: 2 };

/** How a claim stands: answered, on its way in a pool, or to be brought on its way. */
export type ClaimStanding =
  | { next: 'answer'; answer: ClaimAnswer }
  | { next: 'wait' }
  | { next: 'go'; places: Claimable[] };

/** How a claim stands by what the ledger has of its customer at this instant, epoch milliseconds. */
export function standingOf(
  campaign: CampaignRow | undefined,
  places: readonly Claimable[],
  claim: Claim,
  now: number,
): ClaimStanding {
  if (!campaign?.plan?.claims) return refuse('not_targeted');
  if (campaign.fence) return refuse('canceled');
  const { promoCode, claimId } = claim;
  const wanted = places.filter(
    (place) => place.promoCode !== noCode && (promoCode ?? place.promoCode) === place.promoCode,
  );
  const own = [...Map.groupBy(wanted, ({ code }) => code).values()].map((instances) =>
    pickOf(instances, claim),
  );
  if (own.length === 0) return refuse('not_targeted');
  const closed = windowOf(campaign, own, now);
  if (closed) return refuse(closed);
  const stands = own.map((place) => ({ place, stands: standOf(place) }));
  const refused = stands.flatMap(({ place, stands: one }) =>
    typeof one === 'object' ? [{ ...one, detail: place.reason }] : [],
  );
  const [first] = refused;
  const held = stands.filter((one) => one.stands === 'held').map(({ place }) => place);
  if (first && (campaign.plan.codes === 'all' || refused.length === own.length)) {
    return refuse(first.reason, first.detail);
  }
  if (stands.some((one) => one.stands === 'under_way')) return { next: 'wait' };
  const open = stands.filter((one) => one.stands === 'open').map(({ place }) => place);
  if (open.length === 0) return { next: 'answer', answer: granted(held, campaign, claimId) };
  if (open.some(({ isSuppressed }) => isSuppressed)) return refuse('suppressed');
  if (campaign.held || campaign.tenantHeld || campaign.halted) {
    return { next: 'answer', answer: busy };
  }
  return { next: 'go', places: open };
}

function refuse(reason: ClaimRefusal, detail?: string): ClaimStanding {
  const answer = { status: 'refused', reason, ...(detail !== undefined && { detail }) } as const;
  return { next: 'answer', answer };
}

/**
 * In what Promotions says of a budget or an audience cap that is used up; only BUDGET_EXCEEDED is
 * documented (API §10.5), and constants come here in small letters.
 */
const budgetWords = /budget|cap(?![a-z])/i;

type Stand = 'held' | 'under_way' | 'open' | { reason: ClaimRefusal };

function standOf({ state, clearance, promise, isClaimed, reason }: Claimable): Stand {
  if (promise === 'none') return { reason: 'not_targeted' };
  switch (state) {
    case 'allocated':
    case 'used':
      return 'held';
    case 'screened':
      if (isClaimed) return 'under_way';
      if (reason === 'suppressed') return { reason: 'suppressed' };
      if (clearance !== 'approved') return { reason: 'not_targeted' };
      // Its gateway may have told false of it: it is open as soon as anybody is known to have told it.
      return promise === 'told' ? 'open' : 'under_way';
    case 'validated':
    // It is moving at this instant: the next look finds it where it lives then.
    case 'moved':
      return 'under_way';
    case 'refused':
      return { reason: budgetWords.test(reason ?? '') ? 'budget_gone' : 'not_eligible' };
    case 'declined':
      return { reason: 'declined' };
    case 'expired':
      return { reason: 'expired' };
    case 'revoked':
    case 'lapsed':
      return { reason: endedBy(reason) };
    default:
      return { reason: 'not_targeted' };
  }
}

function endedBy(reason: string | undefined): ClaimRefusal {
  if (reason === 'suppressed') return 'suppressed';
  if (reason === 'unclaimed' || reason === 'expired') return 'expired';
  if (reason === 'another_code_was_refused' || reason === 'validation_answer_lost') {
    return 'not_eligible';
  }
  return 'canceled';
}

/** Of the triggers of one customer and code the one that this claim is about. */
function pickOf(instances: readonly Claimable[], { claimId, customerId }: Claim): Claimable {
  const rank = (place: Claimable): number => {
    if (place.said?.claims?.[customerId] === claimId) return 0;
    const stands = standOf(place);
    if (stands === 'open') return 1;
    if (stands === 'under_way') return 2;
    return stands === 'held' ? 3 : 4;
  };
  const [first, ...others] = instances;
  if (!first) throw new Error('A group has no members');
  return others.reduce((best, one) => (rank(one) < rank(best) ? one : best), first);
}

/** Why nothing can be claimed now; undefined while it can. */
function windowOf(
  { plan, instants, details, expiresAt, kind }: CampaignRow,
  own: readonly Claimable[],
  now: number,
): 'not_open' | 'expired' | undefined {
  if (kind === 'triggered') {
    return own.every((place) => now >= (place.expiresAt ?? Infinity)) ? 'expired' : undefined;
  }
  const open = plan && claimsOpen(plan, instants, details?.leadTimeDays);
  if (!open || now < open.from) return 'not_open';
  return now >= (expiresAt ?? open.until) ? 'expired' : undefined;
}

function granted(held: readonly Claimable[], campaign: CampaignRow, claimId: string): ClaimAnswer {
  const rewards = held.flatMap((place) => place.rewards);
  const isOwn = held.every((place) => Object.values(place.said?.claims ?? {}).includes(claimId));
  return {
    status: isOwn ? 'granted' : 'already_granted',
    rewards,
    code: rewards.find(({ code }) => code !== undefined)?.code,
    expiresAt: held[0]?.expiresAt ?? campaign.expiresAt ?? 0,
  };
}
