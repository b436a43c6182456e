import { z } from 'zod';
import { isObject, readBoolean, readId } from '../../wire/atoms.ts';
import { readRewards } from '../../wire/reward.ts';
import type { ValidationOutcome } from '../../world.ts';
import { malformed, readShape } from '../http/answer.ts';
import type { Answer } from '../http/exchange.ts';

const envelope = z.object({ contexts: z.array(z.unknown()) });

/** Reasons are stored with each assignment. */
const longestReason = 200;

/**
 * The answer of validateCustomers (API §10.5), in any order. Whoever was not asked about is ignored;
 * an answer that leaves one out, or names one twice, is malformed.
 */
export function readValidation(
  answer: Answer,
  name: string,
  customerIds: readonly string[],
): Map<string, ValidationOutcome> {
  const { contexts } = readShape(name, envelope, answer);
  const asked = new Set(customerIds);
  const outcomes = new Map<string, ValidationOutcome>();
  for (const context of contexts) {
    const customerId = isObject(context) ? readId(context['customerId']) : undefined;
    if (!isObject(context) || customerId === undefined) {
      throw malformed(name, 'a context has no customerId');
    }
    if (!asked.has(customerId)) continue;
    if (outcomes.has(customerId)) throw malformed(name, 'a customer is answered twice');
    const outcome = readOutcome(context);
    if (!outcome) throw malformed(name, 'an effect is not understood');
    outcomes.set(customerId, outcome);
  }
  if (outcomes.size !== asked.size) {
    throw malformed(name, `${asked.size - outcomes.size} customers are left out`);
  }
  return outcomes;
}

function readOutcome(context: Record<string, unknown>): ValidationOutcome | undefined {
  const rewards = readRewards(context['effects']);
  if (!rewards) return undefined;
  if (rewards.length > 0 && readBoolean(context['valid']) !== false) {
    return { eligible: true, rewards };
  }
  const reason = readReason(context['reason']);
  return { eligible: false, reason: reason.slice(0, longestReason) };
}

/** Promotions' constants in the spelling of our own reasons; any other word stays as it is. */
function readReason(value: unknown): string {
  const reason = readId(value) ?? 'not_eligible';
  return /^[A-Z][A-Z0-9_]*$/.test(reason) ? reason.toLowerCase() : reason;
}
