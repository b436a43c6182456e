/** The sections that say how a tenant's campaigns are run, with their defaults. */
import { z } from 'zod';
import { choice, count, notBuilt, text } from './fields.ts';

const isOn = z.boolean({ error: 'must be true or false' });

export const scheduled = z.strictObject({
  conditional: choice(['managed', 'off'], ['publisher', 'shadow']).default('managed'),
  // Event 13 is recorded; what it leads to comes with the other flows.
  executed: choice(['assignments', 'off'], ['executions']).default('assignments'),
  activation: choice(['immediate', 'claimed']).default('immediate'),
  codes: choice(['all', 'any']).default('all'),
  sortBy: notBuilt('the order of an audience'),
  clearanceMarginSeconds: count(1, 86_400).default(30),
  executionDelayMinutes: count(0, 10_080).default(30),
  notSent: choice(['list'], ['revoke']).default('list'),
  redeemEveryMinutes: count(0, 1_440).default(1),
  lanes: count(1, 64).default(8),
});

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

/** By event type: which channels' events count. */
export const listeners = z.strictObject({
  1: notBuilt('the listener of event 1; what comes is recorded'),
  11: z.array(channel, { error: 'must be a list of channels' }).default([]),
  13: notBuilt('the listener of event 13; what comes is recorded'),
});
