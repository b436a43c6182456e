/**
 * The tenant file: its schema, with every default, and its translation into the domain's words.
 * Unknown keys are refused; so is, in words, a key whose story is not built yet.
 */
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import * as farSides from './far-sides.ts';
import { baseUrl, choice, count, hookUrl, notBuilt, secret, text, timeZone } from './fields.ts';

const scheduled = z.strictObject({
  conditional: choice(['managed', 'off'], ['publisher', 'shadow']).default('managed'),
  // Event 13 is recorded; what it leads to comes with the other flows.
  executed: choice(['assignments', 'off'], ['executions']).default('assignments'),
  activation: choice(['immediate'], ['claimed']).default('immediate'),
  codes: choice(['all', 'any']).default('all'),
  sortBy: notBuilt('the order of an audience'),
  clearanceMarginSeconds: count(1, 86_400).default(30),
  executionDelayMinutes: count(0, 10_080).default(30),
  notSent: choice(['list'], ['revoke']).default('list'),
  redeemEveryMinutes: count(0, 1_440).default(1),
  lanes: count(1, 64).default(8),
});

const limits = z.strictObject({
  maxAudience: count(1, 1_000_000_000).default(2_000_000),
  maxRewardTotal: z
    .record(text, z.number({ error: 'must be a number' }).positive('must be above 0'), {
      error: 'must name reward types, each with the most that a campaign may give',
    })
    .optional(),
  perCustomer: z.strictObject({ sameCodeDays: count(1, 3_660).optional() }).prefault({}),
  onlyCustomers: z.array(text).default([]),
});

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be an address or a CIDR range',
});

const tenant = z
  .strictObject({
    timeZone,
    webhookToken: z
      .string({ error: 'must be a text' })
      .regex(/^[\w.~-]+$/, 'must be of letters, digits and . _ ~ - (it is part of a path)'),
    apiKeys: z
      .array(secret)
      .max(0, 'not built yet: the doors for claims and redemptions')
      .default([]),
    allowFrom: z.array(address).default([]),
    optimove: farSides.optimove,
    promotions: farSides.promotions.optional(),
    publisher: notBuilt('the publisher flow'),
    dataConnection: farSides.dataConnection.optional(),
    platform: farSides.platform,
    scheduled: scheduled.prefault({}),
    triggered: notBuilt('triggered campaigns'),
    claims: notBuilt('claims'),
    listeners: notBuilt('the registration of listeners; register events 4 and 5 by hand'),
    limits: limits.prefault({}),
  })
  .superRefine(
    ({ optimove, promotions }, context) => {
      const own = promotions?.rateLimit;
      const shared = optimove.rateLimit;
      const isOther = own && (own.requests !== shared.requests || own.perMs !== shared.perMs);
      if (!promotions?.sharesOptimoveLimit || !isOther) return;
      const message = 'contradicts sharesOptimoveLimit: true; say false there, or leave this out';
      context.addIssue({ code: 'custom', path: ['promotions', 'rateLimit'], message });
    },
    { when: areRight('optimove', 'promotions') },
  )
  .superRefine(
    ({ promotions, limits }, context) => {
      if (promotions || !limits.maxRewardTotal) return;
      const message = 'needs promotions: without it nobody knows what is about to be given';
      context.addIssue({ code: 'custom', path: ['limits', 'maxRewardTotal'], message });
    },
    { when: areRight('promotions', 'limits') },
  );

type TenantSection = z.output<typeof tenant>;

/** Contradictions are looked for as soon as the sections they compare have no mistake of their own. */
function areRight(...sections: string[]) {
  return ({ issues }: z.core.ParsePayload) =>
    !issues.some(({ code, path = [] }) =>
      path.length === 0 ? code === 'invalid_type' : sections.includes(String(path[0])),
    );
}

const operatorKey = z.strictObject({
  name: text,
  key: secret,
  role: choice(['read', 'operate', 'approve']),
});
export type OperatorKey = z.output<typeof operatorKey>;

function areDistinct(keys: readonly OperatorKey[]): boolean {
  const isDistinct = (values: string[]) => new Set(values).size === values.length;
  return isDistinct(keys.map(({ name }) => name)) && isDistinct(keys.map(({ key }) => key));
}

const alerts = z.strictObject({ url: hookUrl, secret: farSides.signingSecret });
export type AlertSettings = z.output<typeof alerts>;

const tenantName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]{0,63}$/, 'must be a name of letters, digits, _ and -');

export const tenantFile = z.strictObject({
  publicUrl: baseUrl.optional(),
  operatorKeys: z
    .array(operatorKey)
    .refine(areDistinct, 'must not hold a name or a key twice')
    .default([]),
  alerts: alerts.optional(),
  tenants: z
    .record(tenantName, tenant, { error: 'must name at least one tenant' })
    .refine((tenants) => Object.keys(tenants).length > 0, 'must name at least one tenant'),
});

const minuteMs = 60_000;

/** A tenant's section in the words of the domain; times in milliseconds. */
export function settingsOf(name: string, section: TenantSection): TenantSettings {
  const { promotions, dataConnection, platform, scheduled, limits } = section;
  const { maxRewardTotal } = limits;
  const { sameCodeDays } = limits.perCustomer;
  return {
    tenant: name,
    timeZone: section.timeZone,
    webhookToken: section.webhookToken,
    allowFrom: section.allowFrom,
    optimove: section.optimove,
    promotions: promotions && {
      ...promotions,
      rateLimit: farSides.promotionsLimit(promotions.rateLimit),
    },
    dataConnection: dataConnection && { ...dataConnection, rateLimit: dataConnection.rateLimit },
    platform: { ...platform, rateLimit: platform.rateLimit },
    scheduled: {
      conditional: scheduled.conditional,
      codes: scheduled.codes,
      clearanceMarginMs: scheduled.clearanceMarginSeconds * 1_000,
      executionDelayMs: scheduled.executionDelayMinutes * minuteMs,
      redeemEveryMs: scheduled.redeemEveryMinutes * minuteMs,
      lanes: scheduled.lanes,
    },
    limits: {
      maxAudience: limits.maxAudience,
      onlyCustomers: limits.onlyCustomers,
      ...(maxRewardTotal && { maxRewardTotal }),
      ...(sameCodeDays !== undefined && { sameCodeDays }),
    },
  };
}
