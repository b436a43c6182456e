import { type Causes, type Facts, type State, transition } from '../../src/domain/assignment.ts';
import type { Instants } from '../../src/domain/campaign.ts';
import type { CodesRule } from '../../src/domain/clearance.ts';
import type { EffectKind } from '../../src/domain/effect.ts';
import type { Flow, Stage } from '../../src/domain/flow.ts';
import type { CampaignId, RevocationReason } from '../../src/domain/words.ts';
import type { Summary } from '../../src/ledger/campaigns.ts';

/** One assignment in the fake ledger; its facts move only by the domain's own transitions. */
export interface FakeMember {
  customer: number;
  key: string;
  facts: Facts;
  reason: string | undefined;
  /** Promotions' answer is in the ledger, whatever became of the member since. */
  rewarded: boolean;
}

/** An outside call as the fake ledger remembers it; open until it is known what became of it. */
export interface FakeEffect {
  kind: EffectKind;
  batch: number;
  members: FakeMember[];
  begunAt: number;
  aliveUntil: number;
  open: boolean;
  approved: ReadonlySet<FakeMember>;
  /** Why something is taken back; for revocations alone. */
  reason: RevocationReason | undefined;
}

export interface FakeBatch {
  number: number;
  members: FakeMember[];
  token: number;
  finished: boolean;
  redemptionsDue: boolean;
  /** Which fulfilment walks it, and until when anything of it may be given. */
  fulfilment?: number;
  endsAt?: number;
  /** Customers of it that Optimove has sent the campaign. */
  sent?: Set<number>;
}

/** What follows on the sending through one channel, as the fake ledger has it. */
export interface FakeFulfilment {
  campaign: FakeCampaign;
  channel: string;
  number: number;
  toldAt: number;
  asked: number;
  wakesAt: number | undefined;
  span: { startsAt: number; endsAt: number } | undefined;
  collected: boolean;
  outcome: string | undefined;
}

export interface FakeCampaign extends CampaignId {
  ref: number;
  audience: Audience;
  asked: number;
  phase: 'announced' | 'collecting' | 'running' | 'executed' | 'closed';
  announcedAt: number;
  epoch: number;
  pass: number;
  instants: Instants | undefined;
  fence: 'deleted' | 'operator' | undefined;
  fencedAt: number | undefined;
  /** When event 4 came, whoever had canceled it before. */
  deletedAt: number | undefined;
  held: string | undefined;
  halted: boolean;
  collected: boolean;
  expiresAt: number | undefined;
  closedFor: number | undefined;
  summary: Summary | undefined;
  batches: FakeBatch[];
  effects: FakeEffect[];
  fulfilments: FakeFulfilment[];
  /** How many were approved and not sent, once it is known to whom it was sent. */
  notSent: number | undefined;
}

/** What Optimove has in store for a campaign, and how it is run. */
export interface Audience {
  customers: number;
  /** Customers that travel together; ten thousand in earnest. */
  batchSize: number;
  /** So many readings of the audience find nothing yet. */
  emptyReadings: number;
  /** More customers than this wait for a person. */
  maxAudience: number;
  durationDays: number;
  codes: CodesRule;
  stages: Stage[];
  lanes: number;
  flow: Flow;
  /** What follows on the sending. */
  executed: Stage[];
  leadTimeDays: number;
  channels: string[];
  /** Whom a channel reaches: by default it sends to everybody. */
  reaches(channel: string, customer: number): boolean;
  notSent: 'list' | 'revoke';
}

export const ordinary: Audience = {
  customers: 30,
  batchSize: 10,
  emptyReadings: 0,
  maxAudience: Infinity,
  durationDays: 7,
  codes: 'all',
  stages: ['screen', 'validate', 'allocate', 'report', 'redeem'],
  lanes: 2,
  flow: 'managed',
  executed: [],
  leadTimeDays: 0,
  channels: [],
  reaches: () => true,
  notSent: 'list',
};

/** Every fourth customer has two codes. */
export function cutAudience(campaign: FakeCampaign): FakeBatch[] {
  const { audience, campaignId, batches } = campaign;
  const customers = Array.from({ length: audience.customers }, (_, index) => index);
  return cutCustomers(customers, audience.batchSize).map((some, index) => ({
    number: batches.length + index + 1,
    members: some.flatMap((customer) =>
      codesOf(customer).map((code) => memberOf(customer, `${campaignId}/${customer}/${code}`)),
    ),
    ...{ token: 0, finished: false, redemptionsDue: false },
  }));
}

/** Whoever is not in any batch yet, in batches of a fulfilment's own. */
export function cutExecuted(campaign: FakeCampaign, fulfilment: FakeFulfilment): FakeBatch[] {
  const known = new Set(membersOf(campaign).map(({ customer }) => customer));
  const cut = cutAudience(campaign).flatMap(({ members }) =>
    members.filter(
      ({ customer }) =>
        !known.has(customer) && campaign.audience.reaches(fulfilment.channel, customer),
    ),
  );
  const customers = [...new Set(cut.map(({ customer }) => customer))];
  return cutCustomers(customers, campaign.audience.batchSize).map((some, index) => ({
    number: campaign.batches.length + index + 1,
    members: cut.filter(({ customer }) => some.includes(customer)).map(delegated),
    ...{ token: 0, finished: false, redemptionsDue: false, fulfilment: fulfilment.number },
    ...(fulfilment.span && { endsAt: fulfilment.span.endsAt }),
  }));
}

function delegated(member: FakeMember): FakeMember {
  tell(member, 'delegated');
  return member;
}

function codesOf(customer: number): string[] {
  return customer % 4 === 0 ? ['A', 'B'] : ['A'];
}

function cutCustomers(customers: number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(customers.length / size) }, (_, index) =>
    customers.slice(index * size, (index + 1) * size),
  );
}

function memberOf(customer: number, key: string): FakeMember {
  const facts: Facts = { state: 'targeted', clearance: 'none', redemption: 'none' };
  return { customer, key, facts, reason: undefined, rewarded: false };
}

/** What becomes of an assignment when nobody interferes; worked out from its key alone. */
export function fateOf(member: FakeMember): 'screened_out' | 'refused' | 'declined' | 'given' {
  if (member.customer % 10 === 7) return 'screened_out';
  if (member.customer % 10 === 9) return 'declined';
  return member.customer % 8 === 0 && member.key.endsWith('B') ? 'refused' : 'given';
}

/** Moves a member's state, or leaves it where the table forbids the move. */
export function move(member: FakeMember, cause: Causes['state'], reason?: string): boolean {
  const to = transition('state', member.facts.state, cause);
  if (to === undefined) return false;
  member.facts.state = to;
  member.reason = reason;
  return true;
}

export function tell(member: FakeMember, cause: Causes['clearance']): void {
  const { facts } = member;
  facts.clearance = transition('clearance', facts.clearance, cause) ?? facts.clearance;
}

export function redemption(member: FakeMember, cause: Causes['redemption']): void {
  const { facts } = member;
  facts.redemption = transition('redemption', facts.redemption, cause) ?? facts.redemption;
}

export function membersOf(campaign: FakeCampaign): FakeMember[] {
  return campaign.batches.flatMap((batch) => batch.members);
}

export function countStates(campaign: FakeCampaign): Partial<Record<State, number>> {
  const counts: Partial<Record<State, number>> = {};
  for (const { facts } of membersOf(campaign)) {
    counts[facts.state] = (counts[facts.state] ?? 0) + 1;
  }
  return counts;
}

/** Members by customer, in order. */
export function customersOf(members: readonly FakeMember[]): FakeMember[][] {
  return [...Map.groupBy(members, (member) => member.customer).values()];
}
