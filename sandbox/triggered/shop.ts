import { NotPlayable } from '../announcement.ts';
import { APPROVED, has } from '../books.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { falls, hash, idOf, indexOf } from '../population.ts';
import type { Tenant } from '../tenant.ts';
import { createEchoes } from './arrivals.ts';
import { openClaimBooks } from './claim-books.ts';
import { type Claim, openDesk } from './claim-desk.ts';
import { type Fire, openFire } from './fire.ts';
import type { ClaimsOptions } from './options.ts';

const DOUBLE = 604;
const OTHER = 605;
const STRANGER = 606;
const CODE = 607;

/**
 * Plays the tenant's shop: customers who were told of the campaign click "claim" (guide "Advanced
 * Activation Flow", step 3), some twice, some without any right.
 */
export function fireClaims(tenant: Tenant, campaign: Campaign, options: ClaimsOptions): Fire {
  const url = options.claimsUrl ?? campaign.trigger?.options.claimsUrl ?? tenant.options.claimsUrl;
  if (url === undefined) throw new NotPlayable('no claimsUrl was told');
  campaign.claims ??= openClaimBooks();
  const books = campaign.claims;
  const desk = openDesk(url, campaign, books, options);
  const choose = createChooser(campaign, options);
  const doubles = createEchoes<Claim>(options.doubleAfterMs);
  const { population } = campaign;

  function arrive(intendedMs: number): boolean {
    const nowMs = performance.now();
    const double = doubles.take(nowMs);
    if (double !== undefined) {
      books.counts.doubles += 1;
      desk.post(double, intendedMs);
      return true;
    }
    books.drawn += 1;
    const number = books.drawn;
    const customerId = choose(number);
    if (customerId === 'nobody') return doubles.waiting() > 0;
    if (customerId === 'later') return true;
    if (customerId.startsWith(STRANGERS)) books.counts.strangers += 1;
    const promoCode = options.withPromoCode ? codeOf(campaign, customerId, number) : undefined;
    const claim = { claimId: `claim-${campaign.id}-${number}`, customerId, promoCode, retries: 0 };
    if (falls(population, DOUBLE, number, options.doubleShare)) doubles.add(nowMs, claim);
    if (falls(population, OTHER, number, options.otherClaimShare)) {
      doubles.add(nowMs, { ...claim, claimId: `${claim.claimId}-again` });
    }
    desk.post(claim, intendedMs);
    return true;
  }

  const seed = hash(tenant.seed, campaign.number, books.drawn);
  const isPending = () => desk.retrying() > 0;
  const fire = openFire({ ...options, seed }, [desk.sender], arrive, isPending);
  return {
    ...fire,
    stop() {
      desk.stop();
      fire.stop();
    },
  };
}

/** One of the customer's own codes; a stranger names the campaign's first. */
function codeOf(campaign: Campaign, customerId: string, number: number): string | undefined {
  const index = indexOf(campaign.population, customerId);
  const own = index < 0 ? 1 : Math.max(codesHeldBy(campaign, index), 1);
  return campaign.options.codes[hash(campaign.population.seed, CODE, number) % own];
}

const STRANGERS = 'S-';

/** Who claims next: the named, a stranger, or the next of those who were told of the campaign. */
function createChooser(campaign: Campaign, options: ClaimsOptions) {
  const { population, trigger, claims } = campaign;
  let named = 0;
  return (number: number): string => {
    if (options.customerIds !== undefined) {
      const customerId = options.customerIds[named];
      named += 1;
      return customerId ?? 'nobody';
    }
    if (falls(population, STRANGER, number, options.strangerShare)) {
      return `${STRANGERS}${String(number).padStart(8, '0')}`;
    }
    if (claims === undefined) return 'nobody';
    if (trigger !== undefined) {
      if (claims.next >= trigger.sent.count) return 'later';
      const index = trigger.sent.list.get(claims.next);
      claims.next += 1;
      return idOf(population, index);
    }
    while (claims.next < population.total) {
      const index = claims.next;
      claims.next += 1;
      const isTold = has(campaign.books.customers, index, APPROVED);
      if (isTold && codesHeldBy(campaign, index) > 0) return idOf(population, index);
    }
    return 'nobody';
  };
}
