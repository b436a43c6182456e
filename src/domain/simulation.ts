import { batchCustomers } from './batching.ts';
import type { Instants } from './campaign.ts';
import type { Stage } from './flow.ts';
import type { CallLimit, CallLimits, PacedKind } from './forecast.ts';
import { scheduledRules, type TenantSettings } from './tenant.ts';

/** The calls of a campaign by kind, in the order in which they begin. */
export const callKinds = [
  'details',
  'audience',
  'screenings',
  'promocodes',
  'validations',
  'publications',
  'awards',
  'allocations',
  'uploads',
  'reports',
  'redemptions',
] as const;
export type CallKind = (typeof callKinds)[number];
export type Calls = Partial<Record<CallKind, number>>;

/** `shadow` and `off` do nothing on event 5; what is simulated then is what `managed` would do. */
export const simulatedFlows = ['managed', 'claimed', 'publisher', 'shadow', 'off'] as const;
export type SimulatedFlow = (typeof simulatedFlows)[number];

/** The way a campaign would go, and the stages of it before and after it is sent. */
export interface Way {
  flow: SimulatedFlow;
  recipe: readonly Stage[];
  executed: readonly Stage[];
}

/** Which way event 5 would take by the tenant's settings as they are now. */
export function wayOf(settings: TenantSettings): Way {
  const { conditional, activation } = settings.scheduled;
  const hasEffects = conditional === 'managed' || conditional === 'publisher';
  const simulated = hasEffects ? conditional : 'managed';
  const scheduled = { ...settings.scheduled, conditional: simulated } as const;
  const { recipe, executed = [] } = scheduledRules({ ...settings, scheduled });
  const isClaimed = conditional === 'managed' && activation === 'claimed';
  return { flow: isClaimed ? 'claimed' : conditional, recipe, executed };
}

/** What the screen let pass of one batch; counts in customers unless they say assignments. */
export interface PassedBatch {
  /** Those whom the platform's own screening was asked about. */
  asked: number;
  /** Those of whom something passed. */
  passed: number;
  /** Those who are approved if Promotions finds everybody eligible. */
  approved: number;
  /** Those of the approved who have a promo code. */
  holders: number;
  /** Assignments of the approved that have a promo code. */
  given: number;
  /** Assignments that passed, by the promo codes that can be validated. */
  byCode: ReadonlyMap<string, number>;
}

/** The most that one call of a kind takes, configured or learned. */
export type CallSizes = Record<
  'screenings' | 'validations' | 'publications' | 'allocations' | 'uploads',
  number
>;

/** Promotions takes at most this many redemptions a call (API §10.7). */
const redemptionsPerCall = 1_000;

/** The calls that one batch makes on its way, if everybody who passed the screen is eligible. */
export function callsOfBatch(way: Way, batch: PassedBatch, sizes: CallSizes): Calls {
  const stages = new Set([...way.recipe, ...way.executed]);
  const callsFor = (count: number, most: number): number => Math.ceil(count / most);
  const byCode = (): number =>
    [...batch.byCode.values()].reduce((sum, count) => sum + callsFor(count, sizes.validations), 0);
  return {
    screenings: callsFor(batch.asked, sizes.screenings),
    ...(stages.has('validate') && { validations: byCode() }),
    ...(stages.has('publish') && { publications: callsFor(batch.passed, sizes.publications) }),
    ...(stages.has('award') && { awards: byCode() }),
    ...(stages.has('allocate') && { allocations: callsFor(batch.given, sizes.allocations) }),
    ...(stages.has('upload') && { uploads: callsFor(batch.holders, sizes.uploads) }),
    ...(stages.has('report') && { reports: callsFor(batch.approved, batchCustomers) }),
    ...(stages.has('redeem') && { redemptions: callsFor(batch.given, redemptionsPerCall) }),
  };
}

export function addCalls(calls: Calls, more: Calls): Calls {
  return Object.fromEntries(
    callKinds.map((kind) => [kind, (calls[kind] ?? 0) + (more[kind] ?? 0)]),
  );
}

/**
 * Calls that read a whole audience: a sweep over its pages until one is not full, and another that checks
 * it, unless Optimove tells as many customers as the first has found (API §4.1).
 */
export function audienceCalls(of: {
  rows: number;
  pageSize: number;
  isConfirmed: boolean;
}): number {
  const pages = Math.floor(of.rows / of.pageSize) + 1;
  return of.rows === 0 || of.isConfirmed ? pages : 2 * pages;
}

/** Calls of one kind, and whether they come before the last report: only then they count for the deadline. */
export interface CallLine {
  kind: CallKind;
  calls: number;
  when: 'collecting' | 'deciding' | 'after';
}

/** Kinds that come to nothing are left out. */
export function callLines(way: Way, calls: Calls): CallLine[] {
  const whenOf = (kind: CallKind): CallLine['when'] => {
    if (kind === 'details' || kind === 'audience') return 'collecting';
    if (kind === 'awards' || kind === 'redemptions') return 'after';
    // Promotions is first asked for a code where something is validated, or awarded, or claimed.
    if (kind === 'promocodes') return way.recipe.includes('validate') ? 'deciding' : 'after';
    if (kind === 'allocations') return way.recipe.includes('allocate') ? 'deciding' : 'after';
    return 'deciding';
  };
  return callKinds.flatMap((kind): CallLine[] => {
    const count = calls[kind] ?? 0;
    return count > 0 ? [{ kind, calls: count, when: whenOf(kind) }] : [];
  });
}

/** The far side whose allowance each kind counts against, by what else is paced there. */
const pacedAs: Record<CallKind, PacedKind> = {
  details: 'approve',
  audience: 'approve',
  reports: 'approve',
  promocodes: 'validate',
  validations: 'validate',
  awards: 'validate',
  redemptions: 'validate',
  publications: 'publish',
  screenings: 'allocate',
  allocations: 'allocate',
  uploads: 'upload',
};

/** What the calls up to the last report take of one allowance, and how long that lasts, milliseconds. */
export interface AllowanceUse extends CallLimit {
  calls: number;
  needsMs: number;
}

/** Each allowance once, however many far sides share it. */
export function allowanceUses(lines: readonly CallLine[], limits: CallLimits): AllowanceUse[] {
  const uses = new Map<string, AllowanceUse>();
  for (const { kind, calls, when } of lines) {
    const limit = limits[pacedAs[kind]];
    if (!limit || when === 'after') continue;
    const taken = (uses.get(limit.bucket)?.calls ?? 0) + calls;
    const needsMs = Math.ceil((taken * limit.perMs) / limit.requests);
    uses.set(limit.bucket, { ...limit, calls: taken, needsMs });
  }
  return [...uses.values()];
}

/**
 * How long it takes until the last report, milliseconds, at the even pace of the allowances and with nobody else
 * at them, as a forecast counts: a burst saves up to one window, slow far sides cost more. The whole audience is
 * collected first; then each allowance has its own pace.
 */
export function decidedInMs(lines: readonly CallLine[], limits: CallLimits): number {
  const longest = (when: CallLine['when']): number => {
    const uses = allowanceUses(
      lines.filter((line) => line.when === when),
      limits,
    );
    return Math.max(0, ...uses.map(({ needsMs }) => needsMs));
  };
  return longest('collecting') + longest('deciding');
}

/** Against which instants a campaign is held, and from when on; epoch milliseconds. */
export interface Due extends Pick<Instants, 'deadline' | 'stop'> {
  /** Now, or when its event 5 came. */
  from: number;
}

/** When it would be decided, and how long before its stop; negative where it is late. */
export interface Outlook extends Due {
  finishesAt: number;
  marginMs: number;
}

export function outlookOf(due: Due, needsMs: number): Outlook {
  const finishesAt = due.from + needsMs;
  return { ...due, finishesAt, marginMs: due.stop - finishesAt };
}
