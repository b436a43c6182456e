import { isFinal, isHeld, type State } from './assignment.ts';

/** How a customer with several codes is judged: all of them must be held, or any one is enough. */
export type CodesRule = 'all' | 'any';

export type Verdict = 'approve' | 'deny' | 'pending';

/**
 * Whether a customer may be told about the promotion, from the states of all of the customer's
 * assignments in the campaign. `pending` while a stage may still change the answer.
 */
export function verdict(states: readonly State[], rule: CodesRule): Verdict {
  const held = states.filter(isHeld).length;
  if (rule === 'any' && held > 0) return 'approve';
  if (rule === 'all' && states.some((state) => isFinal(state) && !isHeld(state))) return 'deny';
  if (!states.every(isFinal)) return 'pending';
  return held > 0 ? 'approve' : 'deny';
}
