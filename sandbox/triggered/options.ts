import { z } from 'zod';
import { populationOptions } from '../population.ts';

/**
 * What a triggered campaign and its fire can be told, with the defaults. Durations are in the unit
 * of their name.
 */

const share = z.number().min(0).max(1);

const template = z.strictObject({ id: z.int(), name: z.string() });

const channel = z.strictObject({
  id: z.int(),
  name: z.string().default('Inbox'),
  brandId: z.string().nullable().default(null),
  templates: z
    .array(template)
    .nullable()
    .default([{ id: 14, name: 'boost' }]),
});

/** A campaign of API §9: nobody is its audience, whoever meets the trigger is asked about. */
export const triggeredOptions = populationOptions
  .pick({ ids: true, deniedShare: true, declinedShare: true, noTierShare: true })
  .extend({
    campaignId: z.int().positive().optional(),
    /** How many there are who could meet the trigger; new ones come in the order of their index. */
    customers: z.int().positive().default(1_000_000),
    seed: z.int().nonnegative().optional(),
    /** `campaign.series_id`, the Plan ID. */
    seriesId: z.union([z.int(), z.string()]).default(4021),
    /** None: only a compliance check. */
    codes: z.array(z.string()).default(['SPRING25']),
    notes: z.string().default(''),
    tags: z.array(z.string()).default([]),
    action: z
      .strictObject({ id: z.int(), name: z.string() })
      .default({ id: 77, name: 'Deposit boost' }),
    channels: z
      .array(channel)
      .min(1)
      .prefault([{ id: 611 }]),
    /** The part that is known by a visitor's id only, and whether the tenant gives them anything. */
    visitorShare: share.default(0),
    visitorsAllowed: z.boolean().default(false),
    /** Personalization tags that event 11 carries, and the parameters of the trigger's event. */
    attributes: z.array(z.string()).default(['COUNTRY', 'VIP_LEVEL']),
    eventParams: z.record(z.string(), z.unknown()).default({ amount: 50 }),
    /** What is not answered by then is not sent: 0 to 2500 ms (API §9.3). */
    deadlineMs: z.int().min(0).max(2500).default(2000),
    /** As the tenant file says: is a trigger after the window another instance? */
    repeats: z.enum(['once', 'each']).default('once'),
    repeatWindowSeconds: z.number().positive().default(600),
    /** Does an allowed customer hold the reward, or may he claim it? */
    activation: z.enum(['immediate', 'claimed']).default('immediate'),
    approvalNeeds: z.enum(['all', 'any']).default('all'),
    /**
     * Who asks Promotions: the tenant, or Optimove itself before it sends event 11 (auto flow), or the
     * publisher when a check is forwarded to it.
     */
    awardedBy: z.enum(['tenant', 'optimove', 'publisher']).default('tenant'),
    gateUrls: z.array(z.url()).min(1).optional(),
    hookUrl: z.url().optional(),
    claimsUrl: z.url().optional(),
  });

/** A fire is open-loop: who comes does not wait for those before him. */
const arrivalOptions = {
  perSecond: z.number().positive().default(100),
  forSeconds: z.number().positive().default(10),
  arrivals: z.enum(['poisson', 'even']).default('poisson'),
  /** Only these, in this order and as often as they are named; the fire ends after the last. */
  customerIds: z.array(z.string()).min(1).optional(),
  /** Connections to each address: what finds none free waits, and its time runs. */
  connections: z.int().positive().default(1024),
};

const mixed = z.enum(['array', 'comma', 'mixed']);

/** How the names of fields begin: as documented, with a capital, or now so and now so. */
const fieldsAs = z.enum(['documented', 'capital', 'mixed']);

export const checksOptions = z.strictObject({
  ...arrivalOptions,
  gateUrls: z.array(z.url()).min(1).optional(),
  /** The part of the new customers who are asked about again so soon, inside of the window. */
  repeatShare: share.default(0),
  repeatAfterMs: z.number().nonnegative().default(1000),
  /** The same outside of the window; absent: half as long again as the window. */
  laterShare: share.default(0),
  laterAfterMs: z.number().positive().optional(),
  codesAs: mixed.default('array'),
  fieldsAs: fieldsAs.default('documented'),
  /** Ids of campaign and series (API §9.2 allows for both). */
  idsAs: z.enum(['string', 'number', 'mixed']).default('string'),
});

export const eventsOptions = z.strictObject({
  ...arrivalOptions,
  hookUrl: z.url().optional(),
  /** Customers who were never heard of, or those to whom the gate said yes in time. */
  who: z.enum(['new', 'sent']).default('new'),
  /** How often each event is delivered. */
  times: z.int().positive().default(1),
  codesAs: mixed.default('array'),
  fieldsAs: fieldsAs.default('documented'),
  /** Laid over the documented payload; a field set to null is left out. */
  payload: z.record(z.string(), z.unknown()).default({}),
});

export const claimsOptions = z.strictObject({
  ...arrivalOptions,
  claimsUrl: z.url().optional(),
  apiKey: z.string(),
  /** The part of the claims that is sent twice, and the part that comes again as another claim. */
  doubleShare: share.default(0),
  otherClaimShare: share.default(0),
  doubleAfterMs: z.number().nonnegative().default(0),
  /** The part of the claims that comes from people who were never targeted. */
  strangerShare: share.default(0),
  /** Is the code named, or left out? */
  withPromoCode: z.boolean().default(true),
  sessionProperties: z.record(z.string(), z.unknown()).optional(),
  /** How often the shop sends a claim again that was answered busy (429, 503). */
  busyRetries: z.int().nonnegative().default(3),
});

export type TriggeredOptions = z.output<typeof triggeredOptions>;
export type ChecksOptions = z.output<typeof checksOptions>;
export type EventsOptions = z.output<typeof eventsOptions>;
export type ClaimsOptions = z.output<typeof claimsOptions>;
