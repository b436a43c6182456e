import { z } from 'zod';
import { hash } from './population.ts';

/**
 * A small language of trouble. Whether a rule strikes depends only on the seed, the rule and the
 * number of the call of its kind, so that a failing run is repeated by its seed.
 */
export const faultRule = z.strictObject({
  far: z
    .enum(['optimove', 'promotions', 'publisher', 'data', 'platform', 'hooks', '*'])
    .default('*'),
  /** The call's kind as the books count it (`validate`, `allocations`, …); absent: all. */
  kind: z.string().optional(),
  fault: z.enum([
    /** Answered without acting. */
    '429',
    '500',
    '503',
    /** The connection breaks before anything was done. */
    'refuse',
    /** Acted, and then: an answer after `ms`, half an answer, a broken connection, no answer. */
    'slow',
    'half',
    'reset',
    'hang',
    /** An audience page whose rows have moved by `rows`. */
    'shift',
    /** Hooks only. */
    'duplicate',
    'late',
    'lost',
  ]),
  probability: z.number().min(0).max(1).default(1),
  /** Strike only these calls of the kind, counted from 1 since the rules were set. */
  calls: z.array(z.int().positive()).optional(),
  fromCall: z.int().positive().default(1),
  toCall: z.int().positive().optional(),
  /** Strike only within this time after the rules were set. */
  forSeconds: z.number().positive().optional(),
  ms: z.number().nonnegative().default(1000),
  rows: z.int().default(3),
  retryAfterSeconds: z.number().nonnegative().default(1),
});

export type FaultRule = z.input<typeof faultRule>;
export type Fault = z.output<typeof faultRule>;

export interface Faults {
  /** The faults that strike this call; counts it. */
  strike(far: string, kind: string, nowMs: number): Fault[];
  /** How often each fault struck. */
  struck(): Record<string, number>;
}

export function createFaults(rules: Fault[], seed: number, setAtMs = 0): Faults {
  const counts = new Map<string, number>();
  const struck: Record<string, number> = {};
  return {
    struck: () => ({ ...struck }),
    strike(far, kind, nowMs) {
      if (rules.length === 0) return [];
      const call = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, call);
      return rules.filter((rule, number) => {
        const strikes =
          concerns(rule, far, kind) &&
          isDue(rule, call, nowMs - setAtMs) &&
          odds(rule, number, kind, call);
        if (strikes) struck[`${kind} ${rule.fault}`] = (struck[`${kind} ${rule.fault}`] ?? 0) + 1;
        return strikes;
      });
    },
  };

  function odds(rule: Fault, number: number, kind: string, call: number): boolean {
    if (rule.probability >= 1) return true;
    let salt = number + 1;
    for (let at = 0; at < kind.length; at += 1) salt = hash(salt, kind.charCodeAt(at), at);
    return hash(seed, salt, call) < rule.probability * 2 ** 32;
  }
}

function concerns(rule: Fault, far: string, kind: string): boolean {
  if (rule.far !== far && (rule.far !== '*' || far === 'hooks')) return false;
  return rule.kind === undefined || rule.kind === kind;
}

function isDue(rule: Fault, call: number, elapsedMs: number): boolean {
  if (rule.forSeconds !== undefined && elapsedMs > rule.forSeconds * 1000) return false;
  if (rule.calls !== undefined) return rule.calls.includes(call);
  return call >= rule.fromCall && call <= (rule.toCall ?? Number.POSITIVE_INFINITY);
}
