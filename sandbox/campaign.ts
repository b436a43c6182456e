import { z } from 'zod';
import { type Books, HELD, has, openBooks, REWARDED } from './books.ts';
import type { Execution } from './executed/execution.ts';
import { flowOptions } from './executed/options.ts';
import { wholeSecond } from './local-time.ts';
import {
  holdsSeveralCodes,
  indexOf,
  isWithoutCode,
  layOutPopulation,
  type Population,
  populationOptions,
} from './population.ts';
import type { ClaimBooks } from './triggered/claim-books.ts';
import type { TriggeredOptions } from './triggered/options.ts';
import { openTrigger, type Trigger } from './triggered/trigger.ts';
import { createViolations, type Violations } from './violations.ts';

export const campaignOptions = populationOptions.extend({
  campaignId: z.int().positive().optional(),
  codes: z.array(z.string()).default(['SPRING25', 'FS10']),
  /** Seconds from the first announcement to the deadline; or the instant itself. */
  deadlineInSeconds: z.number().default(1800),
  clearanceRequiredBy: z.iso.datetime({ offset: true }).optional(),
  durationDays: z.int().nonnegative().default(7),
  leadTimeDays: z.int().nonnegative().default(0),
  channels: z.array(z.int()).default([504]),
  hookUrl: z.url().optional(),
  seed: z.int().nonnegative().optional(),
  /** Must a customer hold all codes to be approved, or is one enough? */
  approvalNeeds: z.enum(['all', 'any']).default('all'),
  /** Does an approved customer hold the reward, or may he claim it? */
  activation: z.enum(['immediate', 'claimed']).default('immediate'),
  /** From the deadline to the execution, which opens the claims. */
  executionDelayMinutes: z.number().nonnegative().default(30),
  /** How several codes are written in the audience (API §6.2 allows for both). */
  codesAs: z.enum(['comma', 'array']).default('comma'),
  /** The audience stays empty for so long after the campaign was made. */
  audienceLagMs: z.number().nonnegative().default(0),
  canceledListSeconds: z.number().positive().default(7200),
  ...flowOptions,
});

export type CampaignOptions = z.input<typeof campaignOptions>;

export interface Campaign {
  id: string;
  /** Small number under which keys refer to it; 0 means "no campaign of ours". */
  number: number;
  options: z.output<typeof campaignOptions>;
  population: Population;
  books: Books;
  createdAtMs: number;
  deadlineMs: number | undefined;
  /** Every deadline that was told, in that order. */
  deadlinesMs: number[];
  /** Was event 5 ever sent: is Optimove waiting to be told whom to send it to? */
  announced: boolean;
  /** The instant of the last hook's TimeStamp: a reschedule must carry a later one. */
  toldAtMs: number;
  canceledAtMs: number | undefined;
  /** When the first 200 to event 4 arrived. */
  cancelHeardAtMs: number | undefined;
  executedAtMs: number | undefined;
  /** The channels it was sent through; and the choice of whom, while it is made and for ever after. */
  executions: Execution[];
  choosing: Promise<void> | undefined;
  /** Batches that the publisher has taken: what each came with, by its id. */
  batches: Map<string, string>;
  /** Counts decisions and reports, so that a list of awards made once is known to be old. */
  changes: number;
  awards: { of: string; positions: Uint32Array } | undefined;
  lateReports: number;
  /** Present in a triggered campaign. */
  trigger: Trigger | undefined;
  /** Opened by the first claim that the shop sends. */
  claims: ClaimBooks | undefined;
  calls: Map<string, number>;
  violations: Violations;
}

/** Makes a campaign that nobody was told about yet. */
export function createCampaign(
  options: z.output<typeof campaignOptions>,
  identity: { id: number; number: number; seed: number; uniqueCodes: boolean },
  nowMs: number,
  triggered?: TriggeredOptions,
): Campaign {
  const seed = options.seed ?? identity.seed;
  const population = layOutPopulation(options, seed, triggered?.visitorShare);
  const trigger = triggered === undefined ? undefined : openTrigger(triggered);
  const slots = options.codes.length * (trigger?.most ?? 1);
  const fixed = options.clearanceRequiredBy;
  return {
    id: String(identity.id),
    number: identity.number,
    options,
    population,
    books: openBooks(population.total, slots, identity.uniqueCodes),
    createdAtMs: nowMs,
    deadlineMs: fixed === undefined ? undefined : wholeSecond(Date.parse(fixed)),
    deadlinesMs: [],
    announced: false,
    toldAtMs: 0,
    canceledAtMs: undefined,
    cancelHeardAtMs: undefined,
    executedAtMs: undefined,
    executions: [],
    choosing: undefined,
    batches: new Map(),
    changes: 0,
    awards: undefined,
    lateReports: 0,
    trigger,
    claims: undefined,
    calls: new Map(),
    violations: createViolations(),
  };
}

/** How many codes this customer was targeted with; they are the first of the campaign's. */
export function codesHeldBy(campaign: Campaign, index: number): number {
  const { codes } = campaign.options;
  if (campaign.trigger !== undefined) return campaign.trigger.begun[index] ? codes.length : 0;
  if (codes.length === 0 || isWithoutCode(campaign.population, index)) return 0;
  return holdsSeveralCodes(campaign.population, index) ? codes.length : 1;
}

/** Where the books keep the assignment of this customer, code and instance. */
export function positionOf(campaign: Campaign, index: number, slot: number, instance = 0): number {
  const { population, options } = campaign;
  return (instance * options.codes.length + slot) * population.total + index;
}

/** The customer of a position, and his code; the instance is what is left out. */
export function placeAt(campaign: Campaign, position: number) {
  const { total } = campaign.population;
  return {
    index: position % total,
    slot: Math.floor(position / total) % Math.max(campaign.options.codes.length, 1),
  };
}

/** How many instances this customer has; one, where nothing triggers them. */
export function instancesOf(campaign: Campaign, index: number): number {
  return Math.max(campaign.trigger?.begun[index] ?? 1, 1);
}

/**
 * The first instance of this customer and code of which these facts are not written; the last where
 * they are of all. Calls do not name an instance: the books only count that none gets too much.
 */
export function openPosition(
  campaign: Campaign,
  index: number,
  slot: number,
  facts: number,
): number {
  const begun = instancesOf(campaign, index);
  let position = positionOf(campaign, index, slot);
  for (let instance = 0; instance < begun; instance += 1) {
    position = positionOf(campaign, index, slot, instance);
    if (!has(campaign.books.assignments, position, facts)) break;
  }
  return position;
}

/** In how many instances this customer holds this code at the platform now. */
export const heldOf = (campaign: Campaign, index: number, slot: number) =>
  countInstances(campaign, index, slot, HELD);

/** In how many instances this customer was awarded this code. */
export const awardedOf = (campaign: Campaign, index: number, slot: number) =>
  countInstances(campaign, index, slot, REWARDED);

function countInstances(campaign: Campaign, index: number, slot: number, facts: number): number {
  let count = 0;
  for (let instance = 0; instance < instancesOf(campaign, index); instance += 1) {
    const position = positionOf(campaign, index, slot, instance);
    if (has(campaign.books.assignments, position, facts)) count += 1;
  }
  return count;
}

/** The customer's index and the code's slot, -1 for what this campaign does not know. */
export function locate(campaign: Campaign, customerId: string, code: string) {
  return {
    index: indexOf(campaign.population, customerId),
    slot: campaign.options.codes.indexOf(code),
  };
}

export function countCall(calls: Map<string, number>, kind: string): number {
  const count = (calls.get(kind) ?? 0) + 1;
  calls.set(kind, count);
  return count;
}
