import { APPROVED, DENIED as BOOK_DENIED, clear, has, mark, SCREENED_OUT } from '../books.ts';
import { awardedOf, type Campaign, heldOf } from '../campaign.ts';
import { spendOnApproval } from '../optimove/status.ts';
import { isVisitor } from '../population.ts';
import { isClosed, isScreened } from '../standing.ts';
import type { Tenant } from '../tenant.ts';
import { ALLOWED, answersOf, DENIED, SENT, type Trigger, tell, toldOf } from './trigger.ts';

/** A check that was sent. */
export interface Asked {
  /** -1: nobody of this campaign's population. */
  index: number;
  instance: number;
  userId: string;
  /** ms of `performance.now`; and of the epoch when it was sent off. */
  intendedMs: number;
  askedAtMs: number;
}

export interface GateAnswer {
  userId: string;
  allowed: boolean;
}

/** The answer of API §9.3; undefined where it says nothing, which Optimove takes for a no. */
export function readAnswer(status: number, text: string): GateAnswer | undefined {
  if (status !== 200) return undefined;
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return undefined;
    if (!('user_id' in body) || typeof body.user_id !== 'string') return undefined;
    if (!('allowed' in body) || typeof body.allowed !== 'boolean') return undefined;
    return { userId: body.user_id, allowed: body.allowed };
  } catch {
    return undefined;
  }
}

/** Books one answer and judges it. The gate is blamed for what it took from the sending on. */
export function judgeAnswer(
  tenant: Tenant,
  campaign: Campaign,
  trigger: Trigger,
  asked: Asked,
  answered: GateAnswer | undefined,
  sentAtMs: number,
): void {
  const nowMs = performance.now();
  const { counts, answers } = trigger.checks;
  const { deadlineMs } = trigger.options;
  const tookMs = nowMs - asked.intendedMs;
  const isLate = tookMs > deadlineMs;
  answers.record(tookMs);
  if (isLate && nowMs - sentAtMs > deadlineMs) {
    const detail = `${Math.round(nowMs - sentAtMs)} ms, the deadline is ${deadlineMs}`;
    campaign.violations.add('answered late', campaign.id, asked.userId, detail);
  }
  if (answered === undefined) {
    counts.malformed += 1;
    return;
  }
  if (answered.userId !== asked.userId) {
    counts.wrongUser += 1;
    campaign.violations.add('wrong user', campaign.id, asked.userId, `got ${answered.userId}`);
    return;
  }
  if (isLate) {
    counts.late += 1;
    if (nowMs - sentAtMs <= deadlineMs) counts.lateByUs += 1;
  } else if (answered.allowed) counts.allowed += 1;
  else counts.denied += 1;
  if (asked.index >= 0) enter(tenant, campaign, trigger, asked, answered.allowed, isLate);
  else if (answered.allowed) {
    campaign.violations.add('allowed but not held', campaign.id, asked.userId, 'a stranger');
  }
}

function enter(
  tenant: Tenant,
  campaign: Campaign,
  trigger: Trigger,
  asked: Asked,
  isAllowed: boolean,
  isLate: boolean,
): void {
  const { index, instance, userId } = asked;
  const before = toldOf(trigger, index, instance);
  // What event 4 took back can be answered either way; only somebody new must not be allowed.
  const isCanceled = campaign.cancelHeardAtMs !== undefined;
  if ((before & (isAllowed ? DENIED : ALLOWED)) !== 0 && !isCanceled) {
    const detail = `first ${!isAllowed}, then ${isAllowed}`;
    campaign.violations.add('two answers', campaign.id, userId, detail);
  }
  const { customers } = campaign.books;
  if (!isAllowed) {
    if ((before & DENIED) === 0) {
      trigger.deniedAtMs[index] = Date.now() - campaign.createdAtMs;
    }
    tell(trigger, index, instance, DENIED);
    if (!has(customers, index, APPROVED)) mark(customers, index, BOOK_DENIED);
    return;
  }
  if ((before & ALLOWED) === 0 && !tenant.profile.validationConsumes) {
    spendOnApproval(tenant, campaign, index, instance);
  }
  tell(trigger, index, instance, ALLOWED);
  clear(customers, index, BOOK_DENIED);
  mark(customers, index, APPROVED);
  if (!isLate && (before & SENT) === 0) {
    tell(trigger, index, instance, SENT);
    trigger.sent.list.set(trigger.sent.count, index);
    trigger.sent.count += 1;
  }
  if (isCanceled && (before & ALLOWED) !== 0) return;
  judgeYes(tenant, campaign, trigger, asked);
}

/** A yes is right when the customer holds it; where he is to claim it, when he passed the screen. */
function judgeYes(tenant: Tenant, campaign: Campaign, trigger: Trigger, asked: Asked): void {
  const { violations, id, options, books } = campaign;
  const { index, userId, askedAtMs } = asked;
  if (isClosed(campaign, askedAtMs)) {
    violations.add('effect after cancellation', id, userId, 'allowed');
  }
  if (isVisitor(campaign.population, index) && !trigger.options.visitorsAllowed) {
    violations.add('visitor', id, userId, 'allowed');
  }
  if (has(books.customers, index, SCREENED_OUT)) {
    violations.add('screened out', id, userId, 'allowed');
  } else if (options.codes.length === 0 || options.activation === 'claimed') {
    if (!isScreened(tenant, campaign, index)) {
      violations.add('allowed but not held', id, userId, 'not screened');
    }
  } else if (!holdsEnough(campaign, trigger, index)) {
    violations.add('allowed but not held', id, userId);
  }
}

/**
 * As many rewards of each code (or of any, by option) as instances that were allowed. Where the
 * publisher decides, its awards count: the platform hears of them later.
 */
export function holdsEnough(campaign: Campaign, trigger: Trigger, index: number): boolean {
  const { allowed } = answersOf(trigger, index);
  const countOf = trigger.options.awardedBy === 'publisher' ? awardedOf : heldOf;
  const held = campaign.options.codes.map((_, slot) => countOf(campaign, index, slot));
  const enough = held.map((count) => count >= allowed);
  return campaign.options.approvalNeeds === 'any' ? enough.some(Boolean) : enough.every(Boolean);
}
