import * as book from './books.ts';
import { type Campaign, codesHeldBy, positionOf } from './campaign.ts';
import { isSent } from './executed/execution.ts';
import { indexOf, isControl } from './population.ts';
import type { Tenant } from './tenant.ts';
import { readInstances } from './triggered/verdict.ts';

/** One customer's books in words; undefined when the campaign does not know him. */
export function readCustomer(tenant: Tenant, campaign: Campaign, customerId: string) {
  const index = indexOf(campaign.population, customerId);
  if (index < 0) return undefined;
  const { books, population, options } = campaign;
  const is = (facts: number) => book.has(books.customers, index, facts);
  const codes = options.codes.slice(0, codesHeldBy(campaign, index)).map((promoCode, slot) => {
    const position = positionOf(campaign, index, slot);
    const knows = (facts: number) => book.has(books.assignments, position, facts);
    const expiry = books.expiries?.[position] || undefined;
    const tier = tenant.promotions.get(promoCode)?.tiers[(books.tiers[position] ?? 0) - 1];
    return {
      promoCode,
      asked: knows(book.ASKED),
      validated: knows(book.REWARDED),
      tierId: tier?.id,
      everAllocated: knows(book.GIVEN),
      held: knows(book.HELD),
      revoked: knows(book.REVOKED),
      declined: knows(book.DECLINED),
      redeemed: knows(book.REDEEMED),
      expired: knows(book.EXPIRED),
      expiresAt: expiry === undefined ? undefined : new Date(expiry * 1000).toISOString(),
    };
  });
  return {
    customerId,
    index,
    control: isControl(population, index),
    screened: is(book.SCREENED),
    screenedOut: is(book.SCREENED_OUT),
    approved: is(book.APPROVED),
    denied: is(book.DENIED),
    uploaded: is(book.UPLOADED),
    published: book.has(books.sending, index, book.PUBLISHED),
    sent: isSent(campaign, index),
    claimed: is(book.CLAIMED),
    granted: is(book.GRANTED),
    confirmed: is(book.CONFIRMED),
    instances: campaign.trigger && readInstances(campaign, campaign.trigger, index),
    codes,
  };
}
