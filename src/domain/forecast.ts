import { batchCustomers } from './batching.ts';
import type { Instants } from './campaign.ts';
import type { Stage } from './flow.ts';
import type { Allowance, TenantSettings } from './tenant.ts';
import type { CampaignId } from './words.ts';

/** Calls that a batch needs before the deadline, in the order of the recipe. */
export const pacedKinds = ['publish', 'validate', 'allocate', 'upload', 'approve'] as const;
export type PacedKind = (typeof pacedKinds)[number];

const kindOf: Partial<Record<Stage, PacedKind>> = {
  publish: 'publish',
  validate: 'validate',
  allocate: 'allocate',
  upload: 'upload',
  report: 'approve',
};

/** How far an open campaign has come and how fast it goes, at one instant of the ledger's clock. */
export interface Pace extends CampaignId {
  /** The ledger's clock at the reading, epoch milliseconds. */
  at: number;
  instants: Instants;
  recipe: Stage[];
  /** Why nothing of it may begin now; undefined while it may. */
  standsStill: 'held' | 'halted' | undefined;
  /** Customers of the audience: cut into batches, or before that by Optimove's own count, if told. */
  customers: number | undefined;
  finishedCustomers: number;
  /** Batches of the audience; 0 until it is cut. */
  batches: number;
  finishedBatches: number;
  /** What the batches' calls of each kind came to; a kind is missing where none was answered yet. */
  work: Partial<Record<PacedKind, Work>>;
  /** Calls answered lately, and the time they took, from the first one's beginning until `at`. */
  recent: { calls: number; ms: number };
}

/** Calls of one kind, in the batches that have come to it. */
export interface Work {
  /** Calls a batch, on average. */
  callsPerBatch: number;
  /** Unfinished batches that have come to it, and the calls these still need. */
  begunBatches: number;
  callsLeft: number;
}

/** An allowance with the name under which the limiter counts it. */
export interface CallLimit extends Allowance {
  bucket: string;
}

/** What the calls of each kind count against; a kind is missing where its far side has no limit. */
export type CallLimits = Partial<Record<PacedKind, CallLimit>>;

/** When a campaign will have been decided, if it goes on as it goes now. */
export interface Forecast extends CampaignId {
  /** The ledger's clock at the reading, epoch milliseconds. */
  at: number;
  deadline: number;
  /** Time left to the deadline, milliseconds; negative after it. */
  leftMs: number;
  /** Calls still needed for the last report; undefined while the audience is not known. */
  callsLeft: number | undefined;
  /** Calls answered a minute, lately. */
  callsPerMinute: number;
  /** When the last report will be answered, epoch milliseconds; undefined where nothing tells: the
   * campaign stands still, its audience is not known, or nothing was answered yet nor is limited. */
  finishesAt: number | undefined;
  /** How much of that is after the stop, from which on nothing more is given or approved,
   * milliseconds; 0 where it will be in time. */
  lateByMs: number | undefined;
}

/**
 * Forecasts the open campaigns of one tenant. What is left takes as long as its calls took lately, and
 * at least as long as the limiter needs to let them pass, behind those of campaigns with an earlier
 * deadline, which go first.
 */
export function forecasts(paces: readonly Pace[], limits: CallLimits): Forecast[] {
  const ahead = new Map<string, number>();
  return paces
    .toSorted((a, b) => a.instants.deadline - b.instants.deadline)
    .map((pace) => forecast(pace, limits, ahead));
}

/** Adds what the campaign still asks of each bucket to `ahead`. */
function forecast(pace: Pace, limits: CallLimits, ahead: Map<string, number>): Forecast {
  const { tenant, campaignId, at, instants, recent } = pace;
  const { deadline, stop } = instants;
  const left = callsLeft(pace);
  const rate = recent.ms > 0 ? recent.calls / recent.ms : 0;
  let longestMs = left?.size === 0 ? 0 : undefined;
  for (const [kind, calls] of pace.standsStill ? [] : (left ?? [])) {
    const limit = limits[kind];
    if (!limit) continue;
    const queued = (ahead.get(limit.bucket) ?? 0) + calls;
    ahead.set(limit.bucket, queued);
    longestMs = Math.max(longestMs ?? 0, (queued * limit.perMs) / limit.requests);
  }
  const total = left && sum(left.values());
  if (total !== undefined && rate > 0) longestMs = Math.max(longestMs ?? 0, total / rate);
  const finishesAt =
    pace.standsStill || longestMs === undefined ? undefined : at + Math.ceil(longestMs);
  return {
    ...{ tenant, campaignId, at, deadline, finishesAt },
    leftMs: deadline - at,
    callsLeft: total === undefined ? undefined : Math.ceil(total),
    callsPerMinute: rate * 60_000,
    lateByMs: finishesAt === undefined ? undefined : Math.max(0, finishesAt - stop),
  };
}

/** Calls left by kind, without the kinds that need none; undefined while the audience is not known. */
function callsLeft(pace: Pace): Map<PacedKind, number> | undefined {
  const { customers, batches, finishedBatches, recipe, work } = pace;
  if (customers === undefined) return undefined;
  const unfinished = (batches || Math.ceil(customers / batchCustomers)) - finishedBatches;
  const left = new Map<PacedKind, number>();
  for (const stage of recipe) {
    const kind = kindOf[stage];
    if (!kind) continue;
    const begun = work[kind] ?? { callsPerBatch: 1, begunBatches: 0, callsLeft: 0 };
    const calls = begun.callsLeft + (unfinished - begun.begunBatches) * begun.callsPerBatch;
    if (calls > 0) left.set(kind, calls);
  }
  return left;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const one of numbers) total += one;
  return total;
}

/** What the calls of a tenant's scheduled campaigns count against, named as its far sides name it. */
export function callLimits(settings: TenantSettings): CallLimits {
  const { tenant, optimove, promotions, publisher, dataConnection, platform } = settings;
  const limit = (farSide: string, allowance: Allowance | undefined): CallLimit | undefined =>
    allowance && { bucket: `${tenant}/${farSide}`, ...allowance };
  const approve = limit('optimove', optimove.rateLimit);
  const validate = promotions?.sharesOptimoveLimit
    ? approve
    : limit('promotions', promotions?.rateLimit);
  const publish = publisher?.sharesOptimoveLimit
    ? approve
    : limit('publisher', publisher?.rateLimit);
  const allocate = limit('platform', platform.rateLimit);
  const upload = limit('data-connection', dataConnection?.rateLimit);
  return {
    ...(publish && { publish }),
    ...(validate && { validate }),
    ...(allocate && { allocate }),
    ...(upload && { upload }),
    ...(approve && { approve }),
  };
}
