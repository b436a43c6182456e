/** The sections of a tenant's far sides, with their defaults. */
import { z } from 'zod';
import { baseUrl, choice, count, hookUrl, rateLimit, secret, text } from './fields.ts';

/** 50 requests in any 10 s for a key (API §2). */
const documentedLimit = { requests: 50, perMs: 10_000 };

export const optimove = z.strictObject({
  baseUrl,
  apiKey: secret,
  rateLimit: rateLimit.default(documentedLimit),
  pageSize: count(1, 200_000).default(10_000),
});

export const promotions = z.strictObject({
  baseUrl,
  apiKey: secret,
  sharesOptimoveLimit: z.boolean({ error: 'must be true or false' }).default(true),
  rateLimit: rateLimit.optional(),
  maxCustomersPerCall: count(1, 10_000).default(10_000),
  recovery: choice(['assignments', 'lapse']).default('assignments'),
  unknownCodes: choice(['refuse', 'hold']).default('refuse'),
});

export const publisher = z.strictObject({
  baseUrl,
  apiKey: secret,
  sharesOptimoveLimit: z.boolean({ error: 'must be true or false' }).default(false),
  rateLimit: rateLimit.optional(),
  listenerUrl: hookUrl.optional(),
});

export const dataConnection = z.strictObject({
  baseUrl,
  connectionId: text,
  apiKey: secret,
  brandKey: secret,
  primaryKey: text.default('customer_id'),
  required: z.boolean({ error: 'must be true or false' }).default(false),
  rateLimit: rateLimit.optional(),
});

/** `whsec_` and base64, as Standard Webhooks writes a secret. */
export const signingSecret = z
  .string({ error: 'must be a text' })
  .regex(
    /^whsec_(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'must be whsec_ followed by base64',
  );

export const platform = z.strictObject({
  baseUrl,
  secret: signingSecret,
  maxItemsPerCall: count(1, 10_000).default(10_000),
  screening: z.boolean({ error: 'must be true or false' }).default(false),
  rateLimit: rateLimit.optional(),
});

/** Promotions' own allowance where it does not count against Optimove's. */
export function promotionsLimit(own: { requests: number; perMs: number } | undefined) {
  return own ?? documentedLimit;
}
