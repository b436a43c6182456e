import { z } from 'zod';
import { APPROVED, GRANTED, has, mark, SCREENED_OUT } from '../books.ts';
import { type Campaign, heldOf, locate } from '../campaign.ts';
import { isClosed } from '../standing.ts';
import type { ClaimBooks } from './claim-books.ts';
import { answersOf } from './trigger.ts';

const DAY_MS = 86_400_000;
/** Our clock and the tenant's read an instant now and not in the same moment. */
const LEEWAY_MS = 1000;

const grantBody = z.looseObject({
  status: z.enum(['granted', 'already_granted']),
  rewards: z.array(z.unknown()),
  code: z.unknown().optional(),
  expiresAt: z.string(),
});

const problemBody = z.looseObject({ reason: z.string().min(1) });

/** A claim that was sent. */
export interface Claimed {
  customerId: string;
  promoCode: string | undefined;
  sentAtMs: number;
}

/** Books one answer of the claims' door and judges a grant. `busy` asks for the same claim again. */
export function judgeClaim(
  campaign: Campaign,
  books: ClaimBooks,
  claim: Claimed,
  status: number,
  text: string,
): 'busy' | 'final' {
  const { counts, reasons } = books;
  if (status === 429 || status === 503) {
    counts.busy += 1;
    return 'busy';
  }
  const body = parse(text);
  if (status === 200) {
    const grant = grantBody.safeParse(body);
    if (!grant.success) counts.malformed += 1;
    else {
      if (grant.data.status === 'granted') counts.granted += 1;
      else counts.alreadyGranted += 1;
      judgeGrant(campaign, books, claim, grant.data);
    }
    return 'final';
  }
  const problem = problemBody.safeParse(body);
  if (status < 400 || status > 499 || !problem.success) counts.malformed += 1;
  else {
    counts.refused += 1;
    reasons.set(problem.data.reason, (reasons.get(problem.data.reason) ?? 0) + 1);
  }
  return 'final';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function judgeGrant(
  campaign: Campaign,
  { grants }: ClaimBooks,
  { customerId, promoCode, sentAtMs }: Claimed,
  { rewards, code, expiresAt }: z.output<typeof grantBody>,
): void {
  const { violations, id } = campaign;
  const index = locate(campaign, customerId, '').index;
  const wrong = index < 0 ? 'a stranger' : findWrong(campaign, index, sentAtMs);
  if (wrong !== undefined) violations.add('granted without right', id, customerId, wrong);
  if (index < 0) return;
  mark(campaign.books.customers, index, GRANTED);
  if (isClosed(campaign, sentAtMs)) {
    violations.add('effect after cancellation', id, customerId, 'granted');
  }
  const slots = promoCode === undefined ? campaign.options.codes : [promoCode];
  const isHeld = slots.some(
    (each) => heldOf(campaign, index, campaign.options.codes.indexOf(each)) > 0,
  );
  if (!isHeld) violations.add('granted but not held', id, customerId, promoCode);

  const key = `${index} ${promoCode ?? ''}`;
  const grant = JSON.stringify({ rewards, code, expiresAt });
  const before = grants.get(key);
  if (before === undefined) grants.set(key, grant);
  else if (before !== grant && campaign.options.activation === 'claimed') {
    const isAnother = campaign.trigger?.options.repeats === 'each';
    if (!isAnother) violations.add('two grants', id, customerId, `${before}, then ${grant}`);
  }
}

/** Why this customer should not have been granted anything; undefined where all is well. */
function findWrong(campaign: Campaign, index: number, sentAtMs: number): string | undefined {
  const { trigger, books, options, deadlineMs } = campaign;
  if (has(books.customers, index, SCREENED_OUT)) return 'screened out';
  if (trigger !== undefined) {
    const { begun, denied } = answersOf(trigger, index);
    if (begun === 0) return 'never targeted';
    return denied === begun ? 'the gate said no' : undefined;
  }
  if (!has(books.customers, index, APPROVED)) return 'not approved';
  if (deadlineMs === undefined) return 'never announced';
  const opensAtMs = deadlineMs + options.executionDelayMinutes * 60_000;
  const closesAtMs = opensAtMs + (options.leadTimeDays + options.durationDays) * DAY_MS;
  if (sentAtMs < opensAtMs - LEEWAY_MS) return 'not open yet';
  return sentAtMs > closesAtMs + LEEWAY_MS ? 'expired' : undefined;
}
