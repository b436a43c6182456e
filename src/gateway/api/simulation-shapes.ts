/** What a simulation is asked with and answers, described once. */
import { z } from 'zod';
import { callKinds, simulatedFlows } from '../../domain/simulation.ts';
import { id } from '../fields.ts';

const instant = z.number().describe('Epoch milliseconds');
const count = z.number().int();
const counts = z.record(z.string(), count);

/** Most customers that one simulation may bring. */
export const mostCustomers = 100_000;
const tooMany =
  'must hold at most 100,000 customers: bring some of them, or have the campaign itself simulated';

export const toSimulate = z.strictObject({
  customers: z
    .array(z.strictObject({ customerId: id, promoCodes: z.array(id).max(1_000).default([]) }))
    .min(1)
    .max(mostCustomers, tooMany)
    .optional()
    .describe("In place of Optimove's audience"),
  deadline: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 instant, with Z or an offset' })
    .transform((text) => Date.parse(text))
    .optional()
    .describe('ClearanceRequiredBy, where the campaign has not been announced yet'),
});

const when = z.enum(['collecting', 'deciding', 'after']);

export const simulation = z.object({
  tenant: z.string(),
  campaignId: z.string(),
  flow: z.enum(simulatedFlows).describe('shadow and off do nothing: what managed would do is told'),
  source: z.enum(['optimove', 'ledger', 'file']).describe('Where the audience comes from'),
  audience: z.object({
    customers: count,
    batches: count,
    controls: count.nullable().describe('Rows of the control group; null where not told'),
    malformed: count.nullable().describe('Rows that cannot be used; null where not told'),
    targeted: count.nullable().describe("Optimove's own count of customers"),
  }),
  screenedOut: counts.describe('Assignments by reason'),
  passed: z.object({
    customers: count,
    withoutCode: count.describe('Of these customers, those without a promo code'),
    promoCodes: counts.describe('Assignments by promo code'),
  }),
  unknownCodes: z
    .array(
      z.object({ promoCode: z.string(), assignments: count, follows: z.enum(['refused', 'held']) }),
    )
    .describe('Codes that Promotions does not know'),
  calls: z.array(
    z.object({
      kind: z.enum(callKinds),
      calls: count,
      when: when.describe('after: it does not count for the deadline'),
    }),
  ),
  allowances: z
    .array(
      z.object({
        ...{ bucket: z.string(), requests: count, perMs: count },
        calls: count.describe('Up to the last report'),
        needsMs: z.number(),
      }),
    )
    .describe('Each once, however many far sides share it'),
  needsMs: z.number().describe('Until the last report, at the even pace of the allowances'),
  outlook: z
    .object({
      ...{ deadline: instant, stop: instant, finishesAt: instant },
      from: instant.describe('Now, or when event 5 came'),
      marginMs: z.number().describe('Before the stop; negative where it is late'),
    })
    .nullable()
    .describe('Null where no deadline is known'),
  guards: z.array(
    z.object({
      limit: z.enum(['maxAudience', 'maxRewardTotal', 'unknownCodes']),
      holds: z.enum(['surely', 'after_validation']),
      says: z.string(),
    }),
  ),
  notes: z.array(z.string()),
  verdict: z.string(),
});
export type Simulation = z.output<typeof simulation>;
