import type { ClaimRules, Limits, Plan, ScheduledRules } from './campaign.ts';
import type { CodesRule } from './clearance.ts';
import {
  automaticRecipe,
  awardedRecipe,
  claimedRecipe,
  executionsRecipe,
  type Flow,
  givingRecipe,
  managedRecipe,
  publisherRecipe,
  type Stage,
  shadowRecipe,
} from './flow.ts';

/** A far side's allowance: `requests` in any window of `perMs`. */
export interface Allowance {
  requests: number;
  perMs: number;
}

export interface OptimoveSettings {
  baseUrl: string;
  apiKey: string;
  rateLimit: Allowance;
  /** Rows asked for in one page of an audience. */
  pageSize: number;
}

export interface PromotionsSettings {
  baseUrl: string;
  apiKey: string;
  /** Whether its calls count against Optimove's allowance instead of its own. */
  sharesOptimoveLimit: boolean;
  rateLimit: Allowance;
  maxCustomersPerCall: number;
  recovery: 'assignments' | 'lapse';
  unknownCodes: 'refuse' | 'hold';
}

export interface PublisherSettings {
  baseUrl: string;
  apiKey: string;
  sharesOptimoveLimit: boolean;
  rateLimit: Allowance | undefined;
  /** The whole address triggers are forwarded to; undefined: the publisher's own path (API §10.8). */
  listenerUrl: string | undefined;
}

export interface DataConnectionSettings {
  baseUrl: string;
  connectionId: string;
  apiKey: string;
  brandKey: string;
  primaryKey: string;
  required: boolean;
  rateLimit: Allowance | undefined;
}

export interface PlatformSettings {
  baseUrl: string;
  /** The Standard Webhooks secret every call is signed with. */
  secret: string;
  maxItemsPerCall: number;
  screening: boolean;
  rateLimit: Allowance | undefined;
}

export interface ScheduledSettings {
  /** What event 5 leads to. `shadow`: only tells what would be done. `off`: it is recorded. */
  conditional: 'managed' | 'publisher' | 'shadow' | 'off';
  /**
   * What event 13 leads to in a campaign that had no event 5: what was awarded is given, or what was sent. In
   * the publisher's campaigns: what was awarded is given. `off`: nothing is given then.
   */
  executed: 'assignments' | 'executions' | 'off';
  /** What becomes of a reward whose customer was approved and not sent: a person is told, or it is taken back. */
  notSent: 'list' | 'revoke';
  /** `claimed`: the screened audience is approved, and nothing is given before the claim. */
  activation: 'immediate' | 'claimed';
  codes: CodesRule;
  clearanceMarginMs: number;
  executionDelayMs: number;
  redeemEveryMs: number;
  lanes: number;
}

/** How a tenant's triggered campaigns are decided. */
export interface TriggeredSettings {
  /** `own`: the tenant's own gate is asked by Optimove; `off`: every check is answered false. */
  gate: 'own' | 'managed' | 'publisher' | 'off';
  /** What event 11 does. */
  executed: 'payload' | 'assignments' | 'off';
  /** `claimed`: a check is true after screening, and nothing is given before the claim. */
  activation: 'immediate' | 'claimed';
  /** Within this long of its arrival a check is answered, milliseconds. */
  budgetMs: number;
  /** Whether visitors may be given anything. */
  visitors: boolean;
  /** Whether a later trigger of the same campaign is answered from the first, or is a new instance. */
  repeats: 'once' | 'each';
  /** Triggers of one customer and campaign within this long are one instance. */
  repeatWindowSeconds: number;
  registration: 'v1' | 'v2';
}

/** How claims are answered, where rewards are claimed. */
export interface ClaimsSettings {
  /** Whether Optimove is told of each reward that was claimed (guide: Advanced Activation Flow). */
  reportStatus: 'always' | 'off';
}

/** What the configuration says of one tenant; all times in milliseconds. */
export interface TenantSettings {
  tenant: string;
  timeZone: string;
  /** The secret last segment of the webhook door's path. */
  webhookToken: string;
  /** Bearer keys by which the platform may claim. */
  apiKeys: string[];
  /** Addresses and CIDR ranges from which the webhook door may be called; empty: from anywhere. */
  allowFrom: string[];
  optimove: OptimoveSettings;
  /** Undefined where the platform decides alone. */
  promotions: PromotionsSettings | undefined;
  publisher: PublisherSettings | undefined;
  dataConnection: DataConnectionSettings | undefined;
  platform: PlatformSettings;
  scheduled: ScheduledSettings;
  /** Undefined where the tenant has no triggered campaigns. */
  triggered?: TriggeredSettings;
  /** Undefined where nothing is claimed. */
  claims: ClaimsSettings | undefined;
  /** Channels whose events 11 count, as Optimove gave them; empty: all. */
  triggerChannels: string[];
  /** Channels whose events 13 count, as Optimove gave them; empty: all. */
  executedChannels: string[];
  /** Whether event 1 counts as an execution of the whole campaign. */
  hearsEventOne: boolean;
  limits: Limits;
}

/** Whether Optimove asks our gate, which then decides, or has the publisher decide. */
export function hasGate({ triggered }: TenantSettings): boolean {
  return triggered?.gate === 'managed' || triggered?.gate === 'publisher';
}

/** Whether event 5 of a tenant begins a run. */
export function runsConditional({ scheduled }: TenantSettings): boolean {
  return scheduled.conditional !== 'off';
}

/** Whether anything follows on the sending of a tenant's scheduled campaigns. */
export function followsExecution({ scheduled }: TenantSettings): boolean {
  return scheduled.conditional !== 'off' || scheduled.executed !== 'off';
}

/**
 * Whether a campaign of a tenant may have given anything, or may yet: in a run, after its sending, or without
 * either by checks, by events 11, or by claims. Its deletion then has to be more than recorded.
 */
export function mayHaveGiven(tenant: TenantSettings): boolean {
  const isExecuted = (tenant.triggered?.executed ?? 'off') !== 'off';
  const isClaimed = tenant.claims !== undefined;
  return followsExecution(tenant) || hasGate(tenant) || isExecuted || isClaimed;
}

/** The rules by which a tenant's conditional campaigns are run, from event 5 on. */
export function scheduledRules(tenant: TenantSettings): ScheduledRules {
  const { codes, clearanceMarginMs, executionDelayMs, redeemEveryMs, lanes, notSent } =
    tenant.scheduled;
  const isClaimed = tenant.scheduled.activation === 'claimed';
  return {
    ...conditionalFlow(tenant),
    notSent,
    ...(isClaimed && { claims: claimRules(tenant, tenant.claims?.reportStatus ?? 'always') }),
    codes,
    clearanceMarginMs,
    executionDelayMs,
    redeemEveryMs,
    lanes,
    pageSize: tenant.optimove.pageSize,
    limits: tenant.limits,
  };
}

/** Which way a conditional campaign goes, and the stages of it. */
function conditionalFlow(
  tenant: TenantSettings,
): Pick<ScheduledRules, 'flow' | 'recipe' | 'executed'> {
  const hasPromotions = tenant.promotions !== undefined;
  switch (tenant.scheduled.conditional) {
    case 'publisher': {
      const isAwarded = tenant.scheduled.executed === 'assignments' && hasPromotions;
      const flow = { flow: 'publisher', recipe: publisherRecipe } as const;
      return isAwarded ? { ...flow, executed: awardedRecipe } : flow;
    }
    case 'shadow':
      return { flow: 'shadow', recipe: shadowRecipe };
    default: {
      const hasDataConnection = tenant.dataConnection !== undefined;
      const isClaimed = tenant.scheduled.activation === 'claimed';
      const managed = managedRecipe({ hasPromotions, hasDataConnection });
      return { flow: 'managed', recipe: isClaimed ? claimedRecipe : managed };
    }
  }
}

const executedFlows: Record<'assignments' | 'executions', { flow: Flow; executed: Stage[] }> = {
  assignments: { flow: 'automatic', executed: automaticRecipe },
  executions: { flow: 'executions', executed: executionsRecipe },
};

/**
 * What follows on the sending of a campaign that event 5 never announced; undefined where nothing does. How long
 * it lasts is known once its details have been read.
 */
export function executedPlanOf(tenant: TenantSettings): Plan | undefined {
  const { executed } = tenant.scheduled;
  if (executed === 'off') return undefined;
  const { claims: _, ...rules } = scheduledRules(tenant);
  return { ...rules, ...executedFlows[executed], recipe: [], durationDays: 0 };
}

function claimRules(tenant: TenantSettings, reportStatus: ClaimRules['reportStatus']): ClaimRules {
  return { recipe: givingRecipe(tenant.promotions !== undefined), reportStatus };
}

/**
 * The plan of a tenant's triggered campaigns, whose end nobody tells us (API §9.2): a reward lasts as long
 * as this from the moment it is given.
 */
const triggeredDurationDays = 7;

/**
 * What a triggered campaign was decided to do when it was first heard of, by a check or by an event 11: from then
 * on both go by it. A publisher that is asked gives the reward itself, with its answer.
 */
export function triggeredPlan(tenant: TenantSettings): Plan {
  const { claims: _, executed: __, ...rules } = scheduledRules(tenant);
  // Optimove reports on no triggered campaign (API §7).
  const isClaimed = tenant.triggered?.activation === 'claimed';
  const claims = isClaimed ? { claims: claimRules(tenant, 'off') } : {};
  return {
    ...{ ...rules, ...claims, flow: 'managed' },
    recipe: triggeredRecipe(claims, tenant),
    durationDays: triggeredDurationDays,
  };
}

/** What a trigger leads to by its campaign's plan, and by whether Promotions is there to be asked. */
export function triggeredRecipe(
  { claims }: Pick<Plan, 'claims'>,
  { promotions }: TenantSettings,
): Stage[] {
  return claims ? ['screen'] : ['screen', ...givingRecipe(promotions !== undefined)];
}
