/** What the operator API answers, described once: the OpenAPI document is made of these. */
import { z } from 'zod';
import { clearances, redemptions, states } from '../../domain/assignment.ts';
import { readId } from '../../wire/atoms.ts';

const instant = z.number().describe('Epoch milliseconds');
const count = z.number().int();
const counts = z.record(z.string(), count);

export const tenantPath = z.object({ tenant: z.string() });
export const campaignPath = tenantPath.extend({ id: z.string() });
export const customerPath = tenantPath.extend({ customerId: z.string() });

const reason = z.string().trim().min(1).max(500).describe('Why; kept in the audit');
export const reasoned = z.strictObject({ reason });

const customerId = z
  .string()
  .refine((id) => readId(id) === id, 'is no id that Optimove could have sent');
export const customers = z.strictObject({
  customerIds: z.array(customerId).min(1).max(10_000),
  reason,
});

/** What an act came to, in a sentence. */
export const acted = z.object({ act: z.string(), note: z.string() });
export type Acted = z.output<typeof acted>;

export const tenants = z.object({ tenants: z.array(z.object({ tenant: z.string() })) });

export const status = z.object({
  tenant: z.string(),
  held: z.string().nullable(),
  halted: z.object({ farSide: z.string(), message: z.string() }).nullable(),
  openCampaigns: count,
  unknownEffects: count,
  batchesWithRedemptions: count,
  batchesWithClaims: count,
  batchesToConfirm: count,
  webhooksDue: count,
  webhooksQuarantined: count,
  lastWebhooks: z.array(z.object({ type: z.number(), at: instant })),
  holds: z.array(
    z.object({
      campaignId: z.string(),
      reason: z.string(),
      by: z.string().nullable().describe('The name of a key; null where a guard holds'),
      since: instant,
    }),
  ),
  campaigns: z
    .array(
      z.object({
        campaignId: z.string(),
        deadline: instant,
        leftMs: z.number(),
        callsLeft: count.nullable(),
        finishesAt: instant.nullable().describe('By the forecast; null where nothing tells'),
        lateByMs: z.number().nullable().describe('How much of that is after the stop'),
      }),
    )
    .describe('Open ones, by deadline'),
  limiter: z.array(
    z.object({
      bucket: z.string(),
      requests: count,
      perMs: count,
      taken: count.describe('Of the requests, in the window that ends now'),
      waiting: count.describe('Processes that wait for one'),
      pausedSeconds: z.number(),
    }),
  ),
});
export type Status = z.output<typeof status>;

const fence = z.enum(['deleted', 'operator']).nullable();
const phase = z.enum(['announced', 'collecting', 'running', 'executed', 'closed']);

export const campaigns = z.object({
  campaigns: z.array(
    z.object({
      campaignId: z.string(),
      phase,
      recordedAt: instant,
      deadline: instant.nullable(),
      audience: count.describe('Customers'),
      fence,
      held: z.string().nullable(),
      problem: z.string().nullable(),
    }),
  ),
});

export const campaign = z.object({
  tenant: z.string(),
  campaignId: z.string(),
  phase,
  epoch: count,
  pass: count,
  problem: z.string().nullable(),
  instants: z.object({ deadline: instant, stop: instant, lastReport: instant }).nullable(),
  expiresAt: instant.nullable(),
  fence,
  held: z.string().nullable(),
  heldBy: z.string().nullable().describe('The name of a key, or a guard'),
  halted: z.boolean(),
  plan: z.record(z.string(), z.unknown()).nullable(),
  counts: z.object({
    customers: count,
    approved: count.describe('Customers Optimove was told true of'),
    denied: count.describe('Customers Optimove was told false of'),
    unknown: count.describe('Customers whose report was not answered'),
    delegated: count.describe('Customers cleared by the publisher, Promotions or Optimove itself'),
    states: counts.describe('Assignments by state'),
    redemptions: counts.describe('Assignments by redemption'),
  }),
  fulfilments: z
    .array(
      z.object({
        channel: z.string().nullable(),
        toldAt: instant,
        startsAt: instant.nullable(),
        endsAt: instant.nullable(),
        outcome: z.string().nullable(),
      }),
    )
    .describe('What follows on its sending, a channel each'),
  summary: z.record(z.string(), z.unknown()).nullable(),
});
export type Campaign = z.output<typeof campaign>;

export const roll = z.object({
  customers: z.array(
    z.object({
      customerId: z.string(),
      promoCode: z.string(),
      state: z.enum(states),
      reason: z.string().nullable(),
      usedAt: instant.nullable(),
      place: z.string().describe('Where the next page goes on'),
    }),
  ),
});
export type Roll = z.output<typeof roll>;

const reward = z.object({
  rewardTypeId: z.string(),
  value: z.number(),
  tierId: z.string().optional(),
  tierName: z.string().optional(),
  code: z.string().optional(),
});

export const timelines = z.object({
  customerId: z.string(),
  assignments: z.array(
    z.object({
      campaignId: z.string(),
      promoCode: z.string(),
      instance: count,
      state: z.enum(states),
      clearance: z.enum(clearances),
      redemption: z.enum(redemptions),
      reason: z.string().nullable(),
      rewards: z.array(reward),
      reference: z.string().nullable(),
      moments: z.array(
        z.object({
          at: instant.nullable(),
          what: z.string(),
          status: z.boolean().optional(),
          reason: z.string().optional(),
          rewards: z.array(reward).optional(),
          reference: z.string().optional(),
          attempts: count.optional(),
        }),
      ),
    }),
  ),
});

const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no day')
  .describe("A day of the tenant's calendar, YYYY-MM-DD");

export const toReconcile = z
  .strictObject({
    campaignId: z.string().min(1).max(100).optional(),
    date: day.optional().describe('Without either, the day before'),
    repair: z.boolean().default(false).describe('Mends what can be mended; role operate'),
  })
  .refine(({ campaignId, date }) => campaignId === undefined || date === undefined, {
    message: 'name a campaign or a day, not both',
  });

export const begun = z.object({
  subject: z.string().describe('Under which the run is found: the campaign, or the day'),
  run: z.string(),
  askedAt: instant,
});
export type Begun = z.output<typeof begun>;

export const reconciliation = z.object({
  subject: z.string(),
  run: z.string(),
  repairs: z.boolean(),
  begunAt: instant,
  endedAt: instant.nullable(),
  campaigns: count,
  unfinished: count.describe('Campaigns that are not over yet, and were left out'),
  strange: count.describe('Sent campaigns of which the ledger knows nothing'),
  unlisted: count.describe('Customers whose campaign ended, and to whom the ledger gave nothing'),
  batches: count,
  lookedAt: count.describe('Batches that were looked at so far'),
  problems: z.array(z.string()).describe('What could not be looked at, and why'),
  counts: counts.describe('Open differences by verdict'),
  differences: z.array(
    z.object({
      id: z.string(),
      campaignId: z.string(),
      customerId: z.string(),
      promoCode: z.string(),
      instance: count,
      verdict: z.string(),
      repair: z.string(),
      says: z.string(),
      remedy: z.string().describe('The command that mends it, or what a person does'),
      foundAt: instant,
    }),
  ),
});
export type Reconciliation = z.output<typeof reconciliation>;

export const suppressions = z.object({
  suppressions: z.array(z.object({ customerId: z.string(), reason: z.string(), at: instant })),
});

export const audit = z.object({
  acts: z.array(
    z.object({
      at: instant,
      by: z.string().describe('The name of the operator key'),
      act: z.string(),
      campaignId: z.string().nullable(),
      subject: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
