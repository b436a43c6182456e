import { Fault } from '../domain/fault.ts';
import type { Cause, Decision } from './asked.ts';
import type { Line } from './line.ts';

export const late: Decision = { allowed: false, cause: 'late' };
export const unknownCode: Decision = {
  allowed: false,
  cause: 'refused',
  reason: 'unknown_promo_code',
};

/** The ledger's word against an effect, as an answer. */
export function stoppedBy(why: string): Decision {
  const causes: Record<string, Cause> = { fenced: 'fenced', held: 'held', halted: 'halted' };
  return { allowed: false, cause: causes[why] ?? 'late' };
}

/** A far side that failed, or else the ledger; either way nobody is allowed. */
export function failureOf({ house, tenant, campaign }: Line, error: unknown): Decision {
  if (error instanceof Error && /^(Timeout|Abort)Error$/.test(error.name)) return late;
  const cause = error instanceof Fault ? 'failed' : 'ledger_away';
  const facts = { tenant, campaign: campaign.row.campaignId, cause, error: String(error) };
  house.log.warn(facts, 'a pool of checks was broken off');
  return { allowed: false, cause, ...(error instanceof Fault && { reason: error.message }) };
}
