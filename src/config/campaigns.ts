/** The sections that say how a tenant's campaigns are run, with their defaults. */
import { z } from 'zod';
import { choice, count, notBuilt, text } from './fields.ts';

const isOn = z.boolean({ error: 'must be true or false' });

export const scheduled = z.strictObject({
  conditional: choice(['managed', 'publisher', 'shadow', 'off']).default('managed'),
  // Its default hangs on whether there is Promotions; whether it was said tells contradictions apart.
  executed: choice(['assignments', 'executions', 'off']).optional(),
  activation: choice(['immediate', 'claimed']).default('immediate'),
  codes: choice(['all', 'any']).default('all'),
  sortBy: notBuilt('the order of an audience'),
  clearanceMarginSeconds: count(1, 86_400).default(30),
  executionDelayMinutes: count(0, 10_080).default(30),
  notSent: choice(['list', 'revoke']).default('list'),
  redeemEveryMinutes: count(0, 1_440).default(1),
  lanes: count(1, 64).default(8),
});

type ScheduledSection = z.output<typeof scheduled>;

/** What event 13 leads to: where nothing was said, what Promotions has awarded is given. */
export function executedOf({ executed }: ScheduledSection, hasPromotions: boolean) {
  return executed ?? (hasPromotions ? 'assignments' : 'off');
}

export const triggered = z.strictObject({
  gate: z
    // YAML's own `off` is the text, not the boolean.
    .union([z.boolean(), z.enum(['managed', 'publisher', 'off'])], {
      error: 'must be true, managed, publisher or false',
    })
    .default(true)
    .transform((gate) => (gate === true ? 'managed' : gate === false ? 'off' : gate)),
  executed: choice(['payload', 'assignments', 'off']).default('payload'),
  activation: choice(['immediate', 'claimed']).default('immediate'),
  // Optimove waits for at most 2500 ms (API §9.3).
  budgetMs: count(1, 2_500).default(1_500),
  visitors: isOn.default(false),
  repeats: choice(['once', 'each']).default('once'),
  repeatWindowSeconds: count(1, 86_400).default(600),
  registration: choice(['v1', 'v2']).default('v2'),
});

export const claims = z.strictObject({
  reportStatus: choice(['always', 'off']).default('always'),
});

/** A channel as Optimove gave it: a number, or a text. */
const channel = z
  .union([z.int().nonnegative(), text], { error: 'must be a channel id' })
  .transform(String);

const channels = z.array(channel, { error: 'must be a list of channels' }).default([]);

/** By event type: which channels' events count; event 1 has no channel, and counts or does not. */
export const listeners = z.strictObject({
  1: isOn.default(false),
  11: channels,
  13: channels,
});
