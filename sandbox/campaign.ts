import { z } from 'zod';
import { type Books, HELD, has, openBooks, SCREENED_OUT } from './books.ts';
import { wholeSecond } from './local-time.ts';
import {
  holdsSeveralCodes,
  indexOf,
  isWithoutCode,
  layOutPopulation,
  type Population,
  populationOptions,
} from './population.ts';
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
  /** How several codes are written in the audience (API §6.2 allows for both). */
  codesAs: z.enum(['comma', 'array']).default('comma'),
  /** The audience stays empty for so long after the campaign was made. */
  audienceLagMs: z.number().nonnegative().default(0),
  canceledListSeconds: z.number().positive().default(7200),
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
  /** The instant of the last hook's TimeStamp: a reschedule must carry a later one. */
  toldAtMs: number;
  canceledAtMs: number | undefined;
  /** When the first 200 to event 4 arrived. */
  cancelHeardAtMs: number | undefined;
  executedAtMs: number | undefined;
  lateReports: number;
  calls: Map<string, number>;
  violations: Violations;
}

/** Makes a campaign that nobody was told about yet. */
export function createCampaign(
  options: z.output<typeof campaignOptions>,
  identity: { id: number; number: number; seed: number; uniqueCodes: boolean },
  nowMs: number,
): Campaign {
  const population = layOutPopulation(options, options.seed ?? identity.seed);
  const fixed = options.clearanceRequiredBy;
  return {
    id: String(identity.id),
    number: identity.number,
    options,
    population,
    books: openBooks(population.total, options.codes.length, identity.uniqueCodes),
    createdAtMs: nowMs,
    deadlineMs: fixed === undefined ? undefined : wholeSecond(Date.parse(fixed)),
    toldAtMs: 0,
    canceledAtMs: undefined,
    cancelHeardAtMs: undefined,
    executedAtMs: undefined,
    lateReports: 0,
    calls: new Map(),
    violations: createViolations(),
  };
}

/** How many codes this customer was targeted with; they are the first of the campaign's. */
export function codesHeldBy(campaign: Campaign, index: number): number {
  const { codes } = campaign.options;
  if (codes.length === 0 || isWithoutCode(campaign.population, index)) return 0;
  return holdsSeveralCodes(campaign.population, index) ? codes.length : 1;
}

/** Where the books keep the assignment of this customer and code. */
export function positionOf(campaign: Campaign, index: number, slot: number): number {
  return slot * campaign.population.total + index;
}

/** The customer's index and the code's slot, -1 for what this campaign does not know. */
export function locate(campaign: Campaign, customerId: string, code: string) {
  return {
    index: indexOf(campaign.population, customerId),
    slot: campaign.options.codes.indexOf(code),
  };
}

/** May this customer be approved now: does he hold what he was targeted with? */
export function mayBeApproved(campaign: Campaign, index: number): boolean {
  const slots = codesHeldBy(campaign, index);
  if (slots === 0) return !has(campaign.books.customers, index, SCREENED_OUT);
  let held = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    if (has(campaign.books.assignments, positionOf(campaign, index, slot), HELD)) held += 1;
  }
  return campaign.options.approvalNeeds === 'any' ? held > 0 : held === slots;
}

const GRACE_MS = 2000;

/** After the 200 to event 4, what is on the wire may land within two seconds, no longer. */
export function isClosed(campaign: Campaign, atMs: number): boolean {
  return campaign.cancelHeardAtMs !== undefined && atMs > campaign.cancelHeardAtMs + GRACE_MS;
}

export function countCall(calls: Map<string, number>, kind: string): number {
  const count = (calls.get(kind) ?? 0) + 1;
  calls.set(kind, count);
  return count;
}
