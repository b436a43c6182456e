import type { CodesRule } from './clearance.ts';
import type { Flow, Stage } from './flow.ts';

/** How a scheduled campaign of a tenant is run; times in milliseconds, counts in customers. */
export interface ScheduledRules {
  flow: Flow;
  recipe: Stage[];
  /** What follows once Optimove has sent the campaign; undefined: nothing is given then. */
  executed?: Stage[];
  /** What becomes of a reward whose customer was approved and not sent: a person is told, or it is taken back. */
  notSent: 'list' | 'revoke';
  codes: CodesRule;
  clearanceMarginMs: number;
  executionDelayMs: number;
  redeemEveryMs: number;
  lanes: number;
  pageSize: number;
  limits: Limits;
  /** Only where rewards are claimed: then the recipe gives nothing. */
  claims?: ClaimRules;
}

/** What a claim leads to. */
export interface ClaimRules {
  /** The stages of a claim. */
  recipe: Stage[];
  /** Whether Optimove is told of each reward that was claimed. */
  reportStatus: 'always' | 'off';
}

/** Guards of one campaign. */
export interface Limits {
  /** More targeted customers than this wait for a person before anything is validated. */
  maxAudience: number;
  /** When not empty, only these customers pass the screen: a tenant's first careful days. */
  onlyCustomers: string[];
  /** By reward type: a campaign that is about to give more in all waits for a person. */
  maxRewardTotal?: Record<string, number>;
  /** Whoever was given the same code by another campaign within so many days is screened out. */
  sameCodeDays?: number;
}

/** The instants of a campaign, epoch milliseconds. */
export interface Instants {
  /** ClearanceRequiredBy: Optimove sends to whoever is approved by then. */
  deadline: number;
  /** After it nothing new is given or approved; the rest is for repeating unanswered reports. */
  stop: number;
  /** After it nothing at all is reported, so that no report can land late. */
  lastReport: number;
}

/** How long before the deadline the last report may begin, milliseconds. */
const lastReportMarginMs = 1_000;

export function instantsOf(deadline: number, rules: { clearanceMarginMs: number }): Instants {
  const lastReport = deadline - lastReportMarginMs;
  return { deadline, stop: Math.min(deadline - rules.clearanceMarginMs, lastReport), lastReport };
}

const dayMs = 86_400_000;

/**
 * When a reward ends: execution (deadline + the tenant's delay) + lead time + duration. Fixed when the
 * campaign's first batch is allocated; neither event 13 nor a reschedule changes what the platform
 * was told.
 */
export function expiryOf(campaign: {
  deadline: number;
  executionDelayMs: number;
  leadTimeDays: number;
  durationDays: number;
}): number {
  const execution = campaign.deadline + campaign.executionDelayMs;
  return execution + (campaign.leadTimeDays + campaign.durationDays) * dayMs;
}

/** What event 5 said, its times resolved at the door. */
export interface Announcement {
  /** The event's own TimeStamp: of two announcements the later counts. */
  announcedAt: number;
  durationDays: number | undefined;
  /** Undefined where ClearanceRequiredBy could not be used, for the reason in `problem`. */
  instants: Instants | undefined;
  problem: string | undefined;
}

/** What Optimove tells of a campaign besides its audience (GetCampaignDetails, API §6.1). */
export interface CampaignDetails {
  durationDays?: number;
  leadTimeDays?: number;
  /** Customers in the test group: Optimove's own count of the audience. */
  targeted?: number;
  notes?: string;
  tags?: string[];
  channelIds?: string[];
}

/** What a run was decided to do when it opened; kept with the campaign and unchanged by later settings. */
export interface Plan extends ScheduledRules {
  durationDays: number;
}

/** The plan by which a pool of claims goes its way. */
export function claimPlan(plan: Plan): Plan {
  return { ...plan, recipe: plan.claims?.recipe ?? [] };
}

/**
 * The plan by which a batch goes its way once Optimove has sent the campaign: of several codes each is
 * given by itself, because nobody is cleared any more.
 */
export function executedPlan(plan: Plan): Plan {
  return { ...plan, recipe: plan.executed ?? [], codes: 'any' };
}

/** Whether a campaign begins with event 13, and has no deadline of its own. */
export function beginsExecuted({ flow }: Pick<Plan, 'flow'>): boolean {
  return flow === 'automatic' || flow === 'executions';
}

/**
 * When what is given after event 13 begins and ends: from the execution on, later by the lead time, for as
 * long as the campaign lasts (guide: Promotion System Integration, flow 1, step 4).
 */
export function executedSpan(
  execution: number,
  of: { leadTimeDays: number; durationDays: number },
) {
  const startsAt = execution + of.leadTimeDays * dayMs;
  return { startsAt, endsAt: startsAt + of.durationDays * dayMs };
}

/** When a claimed reward ends, and until when it can be claimed; undefined without a deadline. */
export function claimsOpen(
  plan: Plan,
  instants: Instants | undefined,
  leadTimeDays = 0,
): { from: number; until: number } | undefined {
  if (!instants) return undefined;
  const { deadline } = instants;
  const { executionDelayMs, durationDays } = plan;
  return {
    from: deadline + executionDelayMs,
    until: expiryOf({ deadline, executionDelayMs, leadTimeDays, durationDays }),
  };
}
