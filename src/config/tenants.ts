/**
 * The tenant file: its schema, with every default, and its translation into the domain's words.
 * Unknown keys are refused; so is, in words, a key whose story is not built yet.
 */
import { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import * as campaigns from './campaigns.ts';
import { contradictions } from './contradictions.ts';
import * as farSides from './far-sides.ts';
import { baseUrl, choice, count, hookUrl, secret, text, timeZone } from './fields.ts';

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

const sections = z.strictObject({
  timeZone,
  webhookToken: z
    .string({ error: 'must be a text' })
    .regex(/^[\w.~-]+$/, 'must be of letters, digits and . _ ~ - (it is part of a path)'),
  apiKeys: z.array(secret).default([]),
  allowFrom: z.array(address).default([]),
  optimove: farSides.optimove,
  promotions: farSides.promotions.optional(),
  publisher: farSides.publisher.optional(),
  dataConnection: farSides.dataConnection.optional(),
  platform: farSides.platform,
  scheduled: campaigns.scheduled.prefault({}),
  triggered: campaigns.triggered.optional(),
  claims: campaigns.claims.prefault({}),
  listeners: campaigns.listeners.prefault({}),
  limits: limits.prefault({}),
});

export type TenantSection = z.output<typeof sections>;

/** Marks a contradiction: it does not keep others of the same section from being found. */
const isContradiction = true;

const tenant = contradictions.reduce(
  (schema, { path, others, isThere, message }) =>
    schema.superRefine(
      (section, context) => {
        if (!isThere(section)) return;
        // A path of its own: zod puts the tenant's name in front of it.
        context.addIssue({ code: 'custom', path: [...path], message, params: { isContradiction } });
      },
      { when: areRight(path[0], ...others) },
    ),
  sections,
);

/** Contradictions are looked for as soon as the sections they compare have no mistake of their own. */
function areRight(...sections: string[]) {
  return ({ issues }: z.core.ParsePayload) =>
    !issues.some((issue) => {
      const { code, path = [] } = issue;
      if (code === 'custom' && issue.params?.['isContradiction'] === isContradiction) return false;
      return path.length === 0 ? code === 'invalid_type' : sections.includes(String(path[0]));
    });
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
  const { promotions, publisher, dataConnection, platform, scheduled, triggered, limits } = section;
  const isClaimed = scheduled.activation === 'claimed' || triggered?.activation === 'claimed';
  const { maxRewardTotal } = limits;
  const { sameCodeDays } = limits.perCustomer;
  return {
    tenant: name,
    timeZone: section.timeZone,
    webhookToken: section.webhookToken,
    apiKeys: section.apiKeys,
    allowFrom: section.allowFrom,
    optimove: section.optimove,
    promotions: promotions && {
      ...promotions,
      rateLimit: farSides.promotionsLimit(promotions.rateLimit),
    },
    publisher: publisher && {
      ...publisher,
      rateLimit: publisher.rateLimit,
      listenerUrl: publisher.listenerUrl,
    },
    dataConnection: dataConnection && { ...dataConnection, rateLimit: dataConnection.rateLimit },
    platform: { ...platform, rateLimit: platform.rateLimit },
    scheduled: {
      conditional: scheduled.conditional,
      executed: campaigns.executedOf(scheduled, promotions !== undefined),
      notSent: scheduled.notSent,
      activation: scheduled.activation,
      codes: scheduled.codes,
      clearanceMarginMs: scheduled.clearanceMarginSeconds * 1_000,
      executionDelayMs: scheduled.executionDelayMinutes * minuteMs,
      redeemEveryMs: scheduled.redeemEveryMinutes * minuteMs,
      lanes: scheduled.lanes,
    },
    ...(triggered && { triggered }),
    claims: isClaimed ? section.claims : undefined,
    triggerChannels: section.listeners[11],
    executedChannels: section.listeners[13],
    hearsEventOne: section.listeners[1],
    limits: {
      maxAudience: limits.maxAudience,
      onlyCustomers: limits.onlyCustomers,
      ...(maxRewardTotal && { maxRewardTotal }),
      ...(sameCodeDays !== undefined && { sameCodeDays }),
    },
  };
}
