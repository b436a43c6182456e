import { type Causes, type Facts, type State, transition } from '../../src/domain/assignment.ts';
import type { Instants } from '../../src/domain/campaign.ts';
import type { CodesRule } from '../../src/domain/clearance.ts';
import type { EffectKind } from '../../src/domain/effect.ts';
import type { Stage } from '../../src/domain/flow.ts';
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
}

export interface FakeCampaign extends CampaignId {
  ref: number;
  audience: Audience;
  asked: number;
  phase: 'announced' | 'collecting' | 'running' | 'closed';
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
};

/** Every fourth customer has two codes. */
export function cutAudience(campaign: FakeCampaign): FakeBatch[] {
  const { customers, batchSize } = campaign.audience;
  const count = Math.ceil(customers / batchSize);
  return Array.from({ length: count }, (_, index) => {
    const first = index * batchSize;
    const numbers = Array.from(
      { length: Math.min(batchSize, customers - first) },
      (_, place) => first + place,
    );
    const members = numbers.flatMap((customer) =>
      (customer % 4 === 0 ? ['A', 'B'] : ['A']).map((code) =>
        memberOf(customer, `${campaign.campaignId}/${customer}/${code}`),
      ),
    );
    return { number: index + 1, members, token: 0, finished: false, redemptionsDue: false };
  });
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
