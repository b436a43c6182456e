/** What the operator API answers, described once: the OpenAPI document is made of these. */
import { z } from 'zod';
import { clearances, redemptions, states } from '../../domain/assignment.ts';

const instant = z.number().describe('Epoch milliseconds');
const count = z.number().int();
const counts = z.record(z.string(), count);

export const tenants = z.object({ tenants: z.array(z.object({ tenant: z.string() })) });

export const status = z.object({
  tenant: z.string(),
  held: z.string().nullable(),
  halted: z.object({ farSide: z.string(), message: z.string() }).nullable(),
  openCampaigns: count,
  unknownEffects: count,
  batchesWithRedemptions: count,
  webhooksDue: count,
  webhooksQuarantined: count,
  lastWebhooks: z.array(z.object({ type: z.number(), at: instant })),
});

const fence = z.enum(['deleted', 'operator']).nullable();
const phase = z.enum(['announced', 'collecting', 'running', 'closed']);

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
  halted: z.boolean(),
  plan: z.record(z.string(), z.unknown()).nullable(),
  counts: z.object({
    customers: count,
    approved: count.describe('Customers Optimove was told true of'),
    denied: count.describe('Customers Optimove was told false of'),
    unknown: count.describe('Customers whose report was not answered'),
    states: counts.describe('Assignments by state'),
    redemptions: counts.describe('Assignments by redemption'),
  }),
  summary: z.record(z.string(), z.unknown()).nullable(),
});
export type Campaign = z.output<typeof campaign>;

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
