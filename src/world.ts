/**
 * The far sides of one tenant, in the words of the domain. Adapters implement it; stages and
 * activities use it; a test may play it. All instants are epoch milliseconds, all ids strings.
 */
import type { CampaignDetails } from './domain/campaign.ts';
import type { FarSide, RevocationReason, Reward } from './domain/words.ts';

/** Which requests go first where a far side limits them. */
export interface Rank {
  class: 'interactive' | 'bulk';
  /** The deadline this request works towards; the earlier goes first. */
  deadline: number;
  /** Among equals the later stage goes first: what is begun is brought to its end. */
  stage: number;
}

/** A far side's limit: `requests` in any window of `perMs`, for all processes that share `bucket`. */
export interface RateLimit {
  bucket: string;
  requests: number;
  perMs: number;
  /** Evenly spaced with bursts of 5, where a gate or claims need an answer within a second. */
  spaced: boolean;
}

/** Waits for a turn of a reading call; what it resolves to is told when the answer is in. */
export type Turn = (limit: RateLimit, rank: Rank, signal: AbortSignal) => Promise<Slot>;

export interface Slot {
  /** Tells the limiter that the answer came, which frees the slot one window from now. */
  answered(): Promise<void>;
  /** Tells the limiter that the far side answered 429 all the same: everyone pauses. */
  pause(forMs: number): Promise<void>;
}

/** What the limiter is asked with, alone or inside the statement that begins an effect. */
export interface SlotRequest {
  bucket: string;
  requests: number;
  windowMs: number;
  spaced: boolean;
  /** The process that asks; a uuid. */
  process: string;
  class: Rank['class'];
  /** Epoch milliseconds; Infinity where there is none. */
  deadline: number;
  stage: number;
}

/** What an attempt to take a slot came to. */
export type Taken<T> = { taken: true; value: T } | { taken: false; retryInMs: number };

/** The limiter, as whoever begins effects sees it. */
export interface Turns {
  /**
   * Waits for a turn and takes it with `take`, whose statement asks the limiter with the request it is
   * handed. Where there is no limit, `take` is called at once and without a request. Rejects with what
   * `take` throws, or with the signal's reason; what a `take` under way took is handed over all the same.
   */
  next<T>(
    limit: RateLimit | undefined,
    rank: Rank,
    take: (slot: SlotRequest | undefined) => Promise<Taken<T>>,
    signal: AbortSignal,
  ): Promise<T>;
  /** The far side answered 429 all the same: every process pauses. */
  pause(limit: RateLimit, forMs: number): Promise<void>;
  /** A turn of a call that only reads: its slot is taken by a statement of its own. */
  turn: Turn;
}

/** Good for one request, begun before this reading of the process's own clock (`performance.now()`). */
export interface Permit {
  until: number;
}

/** A call that changes something: its body is built once, and sent under a permit of the ledger. */
export interface Call<A> {
  /** The digest of the body: the same key has the same body, for ever. */
  hash: string;
  /** How long an answer is waited for, milliseconds. */
  timeoutMs: number;
  /** Which limit the call counts against; undefined where the far side has none. */
  limit: RateLimit | undefined;
  /** Signs for now and sends once. Throws a Fault. */
  send(permit: Permit): Promise<A>;
}

/** What a reading call needs from its caller. */
export interface Reading {
  rank: Rank;
  signal: AbortSignal;
}

export interface World {
  optimove: Optimove;
  promotions: Promotions | undefined;
  publisher: Publisher | undefined;
  dataConnection: DataConnection | undefined;
  platform: Platform;
}

/** Named values that are only passed on, under names of the tenant's own. */
export type Values = Record<string, unknown>;

/** One row of an audience as it came, one row a customer and code. */
export interface AudienceRow {
  customerId: string;
  /** Undefined where the row had none; the control group is already left out. */
  actionId: string | undefined;
  /** Empty where the customer has no code. */
  promoCodes: string[];
}

export interface AudiencePage {
  rows: AudienceRow[];
  /** Rows the page had, counted as Optimove pages them: with control group and malformed rows. */
  length: number;
  controls: number;
  malformed: number;
}

export interface Optimove {
  /** GetProcessedCampaignCustomers (API §6.2). */
  processedCustomers(page: PageRequest, reading: Reading): Promise<AudiencePage>;
  /** GetCanceledCampaignCustomers, for two hours after event 4 (API §6.4). */
  canceledCustomers(page: PageRequest, reading: Reading): Promise<AudiencePage>;
  /**
   * GetCustomerExecutionDetailsByCampaign (API §6.3): who was sent a campaign, through one channel, or through
   * all where none is named. The control group is not in it.
   */
  executedCustomers(page: ExecutionRequest, reading: Reading): Promise<ExecutionPage>;
  /** GetExecutedCampaignDetails (API §6.5): what was executed on a day of the tenant's calendar. */
  executedCampaigns(date: string, reading: Reading): Promise<ExecutedCampaign[]>;
  /** GetCustomersActionEndedByDate (API §6.6): whose campaign ended on a day of the tenant's calendar. */
  endedActions(page: EndedRequest, reading: Reading): Promise<EndedPage>;
  /** GetCampaignDetails (API §6.1). */
  campaignDetails(campaignId: string, reading: Reading): Promise<CampaignDetails>;
  /** UpdateCustomerPromotionStatus, at most 10,000 customers of one campaign (API §7). */
  reportStatus(report: StatusReport): Call<void>;
  /**
   * Tells Optimove where to ask its checks, by either generation of the call (API §9.1). By v1 the address
   * takes the place of the one before; whether by v2 it does is not documented.
   */
  registerGate(url: string, generation: 'v1' | 'v2', reading: Reading): Promise<void>;
  /** A cheap read that only asks whether our key is known (GetLastDataUpdate, API §6.7). */
  probe(reading: Reading): Promise<void>;
}

export interface PageRequest {
  campaignId: string;
  skip: number;
  top: number;
}

export interface ExecutionRequest extends PageRequest {
  /** Undefined: whatever the channel. */
  channelId: string | undefined;
}

export interface ExecutionPage extends AudiencePage {
  /** The latest ScheduleTime of its rows; undefined where none has one that can be read. */
  scheduledAt: number | undefined;
}

export interface ExecutedCampaign {
  campaignId: string;
  /** Optimove's Status says so; one that failed was sent to nobody. */
  succeeded: boolean;
  details: CampaignDetails;
}

export interface EndedRequest {
  /** YYYY-MM-DD, in the tenant's calendar. */
  date: string;
  skip: number;
  top: number;
}

export interface EndedPage {
  /** Neither campaign nor code is named (API §6.6). */
  rows: { customerId: string; actionId: string | undefined; startDate: string | undefined }[];
  /** Rows the page had, as Optimove pages them. */
  length: number;
}

export interface StatusReport {
  campaignId: string;
  /** When the report was first built; kept with the effect so that a repeat says the same. */
  at: number;
  customers: { customerId: string; approved: boolean }[];
}

export interface Promocode {
  promocodeId: string;
  promotionId: string | undefined;
}

export interface Promotions {
  /** Most contexts one validation takes (configured; learned from a 413). */
  maxCustomersPerCall: number;
  /** How a lost validation is recovered: by reading Customer Assignment, or by giving up its members. */
  recovery: 'assignments' | 'lapse';
  /** What to do with customers of a code Promotions does not know. */
  unknownCodes: 'refuse' | 'hold';
  /** Finds a promocode by its code; undefined where there is none (API §10.3). */
  promocode(code: string, reading: Reading): Promise<Promocode | undefined>;
  /** validateCustomers: eligibility and reward of the customers of one code (API §10.5). */
  validate(request: Validation): Call<Map<string, ValidationOutcome>>;
  /** Customer Assignment of one occurrence and code, for these customers (API §10.6). */
  assignments(request: AssignmentsRequest, reading: Reading): Promise<Map<string, Reward[]>>;
  /** One page of Customer Assignment of a whole occurrence (API §10.6), at most 10,000 awards. */
  awards(page: AwardsRequest, reading: Reading): Promise<AwardsPage>;
  /** The code of a promocode, by its id (API §10.3); undefined where there is none. */
  codeOf(promocodeId: string, reading: Reading): Promise<string | undefined>;
  /** Reports activated rewards, at most 1,000 a call (API §10.7). */
  redeem(redemptions: RedemptionReport[]): Call<void>;
}

export interface Validation {
  campaignId: string;
  seriesId: string | undefined;
  promocodeId: string;
  customerIds: string[];
  /** False where it is not said. */
  isTriggered?: boolean;
  channelId?: string;
  /** By customer: what is true of this very moment, such as a deposit's amount (API §10.2, §10.5). */
  sessionProperties?: ReadonlyMap<string, Values>;
}

/** No reward means not eligible, whatever else the answer says. */
export type ValidationOutcome =
  | { eligible: true; rewards: Reward[] }
  | { eligible: false; reason: string };

export interface AssignmentsRequest {
  campaignId: string;
  promocodeId: string;
  customerIds: string[];
}

export interface AwardsRequest {
  campaignId: string;
  skip: number;
  take: number;
}

export interface AwardsPage {
  /** Those that give something; one that is rejected, or without rewards, gives nothing. */
  awards: {
    customerId: string;
    promocodeId: string;
    promotionId: string | undefined;
    rewards: Reward[];
  }[];
  /** Items the page had, counted as Promotions pages them. */
  length: number;
}

export interface RedemptionReport {
  /** One for an assignment, for ever. */
  redemptionId: string;
  customerId: string;
  campaignId: string;
  seriesId: string | undefined;
  promocodeId: string | undefined;
  promotionId: string | undefined;
  redeemedAt: number;
  rewards: Reward[];
}

/** The optimove-optipromo-publisher (API §10.8), which decides triggers in the tenant's place. */
export interface Publisher {
  /**
   * Forwards a trigger's body as it came, and resolves to whether the customer is allowed. What has no
   * key must not be asked twice. Rejects with a Fault, or after `budgetMs`, turn included, with a
   * TimeoutError; either way nobody is allowed.
   */
  decide(body: Buffer, budgetMs: number): Promise<boolean>;
  /**
   * Hands over screened customers, at most 10,000 a call: it validates, uploads and reports by itself. The
   * same batch again, under its id, is the same batch.
   */
  publish(batch: PublishedBatch): Call<void>;
}

export interface PublishedBatch {
  campaignId: string;
  /** ClearanceRequiredBy. */
  deadline: number;
  batchId: string;
  /** Its place among the campaign's batches, from 1, and how many there are. */
  index: number;
  count: number;
  customers: { customerId: string; actionId: string | undefined; promoCodes: string[] }[];
}

export interface DataConnection {
  /** Most rows one upload takes (5,000, API §12). */
  maxRowsPerCall: number;
  /** A failed upload costs the approval only where the tenant says so. */
  required: boolean;
  upload(upload: Upload): Call<void>;
}

export interface Upload {
  campaignId: string;
  /** The same for all calls of one batch. */
  batchUuid: string;
  last: boolean;
  ttlSeconds: number;
  /** One row a customer: the first code and its reward, then the second … */
  rows: {
    customerId: string;
    rewards: { promoCode: string; reward: Reward; expiresAt: number }[];
  }[];
}

export interface Platform {
  maxItemsPerCall: number;
  /** Whether the platform has a screening endpoint. */
  screening: boolean;
  allocate(order: AllocationOrder): Call<Map<string, AllocationOutcome>>;
  revoke(order: RevocationOrder): Call<Map<string, 'revoked' | 'unknown'>>;
  lookUp(keys: string[], reading: Reading): Promise<Map<string, LookUpOutcome>>;
  /** Customers the platform denies, with the reason. */
  screen(request: Screening, reading: Reading): Promise<Map<string, string>>;
}

/** What the platform is told of the campaign an allocation belongs to. */
export interface AllocationCampaign {
  id: string;
  kind: 'scheduled' | 'triggered';
  seriesId?: string;
  brandId?: string;
  notes?: string;
  tags?: string[];
  channelIds?: string[];
  durationDays?: number;
}

export interface AllocationOrder {
  /** The effect's own key, sent as `Idempotency-Key`. */
  key: string;
  campaign: AllocationCampaign;
  allocations: {
    key: string;
    customerId: string;
    promoCode: string;
    rewards: Reward[];
    /** Where a lead time delays the promotion. */
    startsAt?: number;
    expiresAt: number;
    actionId: string | undefined;
    promocodeId: string | undefined;
    promotionId: string | undefined;
    /** The promotion's own properties, as Customer Assignment tells them (API §10.6). */
    properties?: Values;
    templateId?: string;
    /** What event 11 said of the customer and of what happened (API §5.7). */
    attributes?: Values;
    event?: Values;
  }[];
}

export type AllocationOutcome =
  | {
      status: 'allocated';
      reference: string | undefined;
      rewards: Reward[] | undefined;
      code: string | undefined;
    }
  | { status: 'declined'; reason: string };

export interface LookUpOutcome {
  status: 'allocated' | 'declined' | 'revoked' | 'unknown';
  reference: string | undefined;
}

export interface RevocationOrder {
  key: string;
  campaignId: string;
  reason: RevocationReason;
  revocations: { key: string; customerId: string }[];
}

export interface Screening {
  campaignId: string;
  customers: { customerId: string; promoCodes: string[] }[];
}

/** Structured log: ids and counts, never a secret, a header or a body. */
export interface Log {
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
  error(facts: Record<string, unknown>, message: string): void;
}

/** Counts what this process does, for its figures; times in milliseconds. */
export interface Meter {
  /** An effect may leave: how long it waited for its turn and for the ledger's word. */
  turnCame(of: { tenant: string; stage: string }, waitedMs: number): void;
  /** An effect's call is over: what became of it, and of how many assignments. */
  effectEnded(
    of: { tenant: string; stage: string; outcome: string },
    facts: { assignments: number; tookMs: number },
  ): void;
}

/** Called when a far side does not know our key: the tenant is halted until a probe succeeds. */
export type OnUnauthorized = (farSide: FarSide, message: string) => Promise<void>;
