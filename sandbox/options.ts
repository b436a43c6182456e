import { IANAZone } from 'luxon';
import { z } from 'zod';

/**
 * What a sandbox can be told, and the defaults, in one place.
 * Durations are in the unit of their name; instants are ISO 8601 with a zone.
 */

const comparison = z.enum([
  'EQ',
  'NEQ',
  'GT',
  'GTE',
  'LT',
  'LTE',
  'IN',
  'NOT_IN',
  'CONTAINS',
  'EXISTS',
]);

/** One branch of a condition tree: its id is its index, its parent stands before it (API §10.2). */
const branchOptions = z.strictObject({
  parent: z.int().nonnegative().optional(),
  operator: z.enum(['AND', 'OR', 'NOT']).optional(),
  property: z.string().optional(),
  comparison: comparison.optional(),
  value: z.unknown().optional(),
});

const rewardOptions = z.strictObject({
  rewardTypeId: z.string(),
  category: z.enum(['UNITS', 'AMOUNT']).default('UNITS'),
  value: z.number(),
});

const tierOptions = z.strictObject({
  id: z.string(),
  name: z.string(),
  conditions: z.array(branchOptions).default([]),
  rewards: z.array(rewardOptions).min(1),
});

const budgetOptions = {
  audienceCap: z.int().nonnegative().nullable().optional(),
  rewardBudgets: z
    .array(z.strictObject({ rewardTypeId: z.string(), total: z.number().nonnegative() }))
    .optional(),
  state: z.enum(['active', 'deactivated']).optional(),
};

export const promotionChange = z.strictObject(budgetOptions);

const promotionOptions = z.strictObject({
  code: z.string().regex(/^[^,]+$/),
  promocodeId: z.string().optional(),
  promotionId: z.string().optional(),
  tiers: z.array(tierOptions).min(1).max(250),
  /** How many unique codes are uploaded; 0: one global code for everybody. */
  uniqueCodes: z.int().nonnegative().default(0),
  properties: z.record(z.string(), z.string()).optional(),
  ...budgetOptions,
});

/** What the API leaves open, and how this far side decides it. */
export const profileOptions = z.strictObject({
  /** Does validating spend the budget, or does only an approval? */
  validationConsumes: z.boolean().default(true),
  /** Are awards to be read after validation, or only after the campaign was executed? */
  awards: z.enum(['validation', 'execution']).default('validation'),
  /** Are refused customers listed among the awards, without rewards? */
  rejectedAwards: z.boolean().default(false),
  /** Does an unknown customer fail the whole call, or is it ignored? */
  unknownIds: z.enum(['ignore', 'fail']).default('ignore'),
  /** Does a report after the deadline still count at Optimove? */
  lateReports: z.enum(['ignored', 'counted']).default('ignored'),
  /** Answers come in any order: nobody may rely on the request's. */
  answerOrder: z.enum(['reversed', 'given']).default('reversed'),
});

export const latencyOptions = z.strictObject({
  optimove: z.number().nonnegative().default(0),
  promotions: z.number().nonnegative().default(0),
  publisher: z.number().nonnegative().default(0),
  data: z.number().nonnegative().default(0),
  platform: z.number().nonnegative().default(0),
});

const limitOptions = z
  .strictObject({ requests: z.int().positive(), perSeconds: z.number().positive() })
  .nullable();

const vip = (value: string) => [
  { property: 'customer.VIP_LEVEL', comparison: 'EQ' as const, value },
];
const freeSpins = (value: number) => [{ rewardTypeId: 'free-spins', value }];

const defaultPromotions: z.input<typeof promotionOptions>[] = [
  {
    code: 'SPRING25',
    tiers: [
      { id: 'gold', name: 'Gold', conditions: vip('gold'), rewards: freeSpins(50) },
      { id: 'silver', name: 'Silver', conditions: vip('silver'), rewards: freeSpins(25) },
      { id: 'base', name: 'Base', conditions: vip('base'), rewards: freeSpins(10) },
    ],
  },
  {
    code: 'FS10',
    uniqueCodes: 20_000_000,
    tiers: [
      {
        id: 'all',
        name: 'All',
        conditions: [{ property: 'customer.VIP_LEVEL', comparison: 'NEQ', value: 'none' }],
        rewards: freeSpins(10),
      },
    ],
  },
];

export const tenantOptions = z.strictObject({
  timeZone: z.string().refine(IANAZone.isValidZone, 'is no IANA time zone').default('UTC'),
  hookUrl: z.url().optional(),
  /** Where checks go until a gate is registered; and where the shop claims. */
  gateUrls: z.array(z.url()).default([]),
  claimsUrl: z.url().optional(),
  optimove: z
    .strictObject({
      apiKey: z.string().default('sandbox-optimove-key'),
      /** 50 requests in 10 s, sliding (API §2); null switches it off. */
      limit: limitOptions.default({ requests: 50, perSeconds: 10 }),
    })
    .prefault({}),
  promotions: z
    .strictObject({
      apiKey: z.string().default('sandbox-promotions-key'),
      sharesOptimoveLimit: z.boolean().default(true),
      limit: limitOptions.default({ requests: 50, perSeconds: 10 }),
    })
    .prefault({}),
  publisher: z
    .strictObject({
      apiKey: z.string().default('sandbox-publisher-key'),
      sharesOptimoveLimit: z.boolean().default(false),
      limit: limitOptions.default(null),
    })
    .prefault({}),
  data: z
    .strictObject({ apiKey: z.string().optional(), brandKey: z.string().optional() })
    .prefault({}),
  platform: z
    .strictObject({
      secret: z.string().startsWith('whsec_').default('whsec_c2FuZGJveC1wbGF0Zm9ybS1zZWNyZXQtMDE='),
      maxItemsPerCall: z.int().positive().default(10_000),
    })
    .prefault({}),
  catalog: z.array(promotionOptions).prefault(defaultPromotions),
  profile: profileOptions.prefault({}),
  latencyMs: latencyOptions.prefault({}),
});

export const sandboxOptions = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().nonnegative().default(0),
  seed: z.int().nonnegative().default(1),
  tenants: z.record(z.string().regex(/^[\w-]+$/), tenantOptions).prefault({ acme: {} }),
});

export type SandboxOptions = z.input<typeof sandboxOptions>;
export type TenantOptions = z.output<typeof tenantOptions>;
export type PromotionOptions = z.output<typeof promotionOptions>;
export type PromotionChange = z.input<typeof promotionChange>;
export type Tier = z.output<typeof tierOptions>;
export type Branch = z.output<typeof branchOptions>;
export type Profile = z.output<typeof profileOptions>;
export type Latencies = z.output<typeof latencyOptions>;
export type FarSide = keyof Latencies;
