import { CLAIMED, mark } from '../books.ts';
import type { Campaign } from '../campaign.ts';
import { indexOf } from '../population.ts';
import { noteTrouble } from './check-books.ts';
import { judgeClaim } from './claim-answer.ts';
import type { ClaimBooks } from './claim-books.ts';
import type { ClaimsOptions } from './options.ts';
import { createSender } from './sender.ts';

const TIMEOUT_MS = 30_000;
const LONGEST_RETRY_S = 30;

/** One click, as it is sent however often. */
export interface Claim {
  claimId: string;
  customerId: string;
  promoCode: string | undefined;
  retries: number;
}

/** Posts claims under the shop's key; what is answered busy comes again under the same claimId. */
export function openDesk(
  url: string,
  campaign: Campaign,
  books: ClaimBooks,
  { apiKey, connections, sessionProperties, busyRetries }: ClaimsOptions,
) {
  const sender = createSender(url, connections, TIMEOUT_MS);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` };
  const { counts, troubles } = books;
  let retrying = 0;
  let isStopped = false;

  function post(claim: Claim, intendedMs: number): void {
    const { claimId, customerId, promoCode } = claim;
    const index = indexOf(campaign.population, customerId);
    if (index >= 0) mark(campaign.books.customers, index, CLAIMED);
    counts.claims += 1;
    const sentAtMs = Date.now();
    const campaignId = campaign.id;
    sender.send({
      // What is undefined is left out.
      body: JSON.stringify({ claimId, customerId, campaignId, promoCode, sessionProperties }),
      headers,
      lapsesAtMs: intendedMs + TIMEOUT_MS,
      heard(status, text, _, retryAfter) {
        books.answers.record(performance.now() - intendedMs);
        const claimed = { customerId, promoCode, sentAtMs };
        const outcome = judgeClaim(campaign, books, claimed, status, text);
        if (outcome === 'busy') retry(claim, retryAfter);
      },
      failed(error) {
        counts.connectionFailures += 1;
        noteTrouble(troubles, `${customerId}: ${error.message}`);
      },
      givenUp() {
        counts.unanswered += 1;
        noteTrouble(troubles, `${customerId}: no answer`);
      },
    });
  }

  function retry(claim: Claim, retryAfter: string | undefined): void {
    if (isStopped || claim.retries >= busyRetries) return;
    const waitMs = Math.min(Number(retryAfter) || 1, LONGEST_RETRY_S) * 1000;
    retrying += 1;
    setTimeout(() => {
      retrying -= 1;
      post({ ...claim, retries: claim.retries + 1 }, performance.now());
    }, waitMs).unref();
  }

  return {
    sender,
    post,
    /** Claims that wait to be sent again. */
    retrying: () => retrying,
    stop(): void {
      isStopped = true;
    },
  };
}
