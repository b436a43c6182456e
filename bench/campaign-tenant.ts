// The tenant of the campaign's bench: the same keys, sizes and concurrency on every side of it.

export const tenant = 'acme';

/** Keys that the sandbox knows by default. */
export const keys = {
  optimove: 'sandbox-optimove-key',
  promotions: 'sandbox-promotions-key',
  platformSecret: 'whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE=',
};

/** Customers of a batch, rows of a page. */
export const batchSize = 10_000;

/** Batches that are walked at once: what promoflow does by default, and the floors with it. */
export const lanes = 8;

/** Optimove's own allowance (API §2), and one that is never felt. */
export const documentedLimit = { requests: 50, perSeconds: 10 };
export const noLimit = { requests: 100_000, perSeconds: 10 };

/** Far enough away that no deadline is met, also with ten million customers on a busy machine. */
export const deadlineInSeconds = 8 * 3_600;

/** Redemptions are queued and wait for a day: none is told in a run. */
export const scheduled = { redeemEveryMinutes: 1_440, lanes };

/** A tenant's section of promoflow's tenant file, with what `more` lays over it. */
export function tenantSection(
  sandbox: { url: string; tenant: string },
  webhookToken: string,
  rateLimit: typeof noLimit,
  more: Record<string, unknown> = {},
) {
  const base = `${sandbox.url}/${sandbox.tenant}`;
  return {
    timeZone: 'UTC',
    webhookToken,
    optimove: { baseUrl: `${base}/optimove`, apiKey: keys.optimove, rateLimit },
    promotions: { baseUrl: `${base}/promotions`, apiKey: keys.promotions },
    platform: { baseUrl: `${base}/platform`, secret: keys.platformSecret },
    scheduled,
    limits: { maxAudience: 1_000_000_000 },
    ...more,
  };
}

/** A tenant as the sandbox's file has it, its limit on or off. */
export function sandboxSection(isLimited: boolean, more: Record<string, unknown> = {}) {
  const limit = isLimited ? documentedLimit : null;
  return { timeZone: 'UTC', optimove: { limit }, promotions: { limit }, ...more };
}
