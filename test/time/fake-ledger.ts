import type { Activities } from '../../src/activities/activities.ts';
import type { Refusal } from '../../src/domain/act.ts';
import type { Announcement } from '../../src/domain/campaign.ts';
import { forwardKinds } from '../../src/domain/effect.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import { endOf } from '../../src/ledger/campaigns.ts';
import { openBooks } from './fake-books.ts';
import { activeFulfilments, fulfilmentActivities } from './fake-fulfilments.ts';
import { type FakeReconciled, reconciliationActivities } from './fake-reconciliation.ts';
import {
  type CallFate,
  type Clock,
  claimAndWalk,
  isSelected,
  isTold,
  type Outside,
  redeem,
  refusal,
  revoke,
  stages,
  withdraw,
} from './fake-stages.ts';
import {
  type Audience,
  countStates,
  customersOf,
  cutAudience,
  type FakeBatch,
  type FakeCampaign,
  type FakeEffect,
  membersOf,
  move,
  ordinary,
  tell,
} from './fake-state.ts';

type Debt = Parameters<Activities['giveGrants']>[0];

/** Customers in a pool of events 11. */
const poolSize = 10;

type Before = (activity: string, input: unknown) => void | Promise<void>;

export type FakeLedger = ReturnType<typeof createFakeLedger>;

/**
 * A ledger and its far sides in memory, for the stories alone: the domain's own transitions, verdict
 * and admits decide, the clock is handed in, and calls can be made to go wrong.
 */
export function createFakeLedger(options: {
  clock: Clock;
  fate?: (effect: FakeEffect) => CallFate;
  wireMs?: () => number;
  /** Called before every activity; may change what it will find, or throw in its place. */
  before?: Before;
}) {
  const { clock, fate = () => 'answered', wireMs = () => 0 } = options;
  const campaigns: FakeCampaign[] = [];
  const tenants = new Map<string, FakeTenant>();
  const books = openBooks();
  const reconciled: FakeReconciled = { differing: new Set(), left: [], runs: new Map() };
  /** By tenant the triggered campaigns of which a pool ends soon. */
  const ending = new Map<string, string[]>();
  const events = new Map<string, { waiting: string[]; pools: Debt[] }>();
  const outside: Outside = { clock, books, fate, wireMs };

  function tenantOf(tenant: string): FakeTenant {
    const known = tenants.get(tenant) ?? { halted: false, keyMended: false, unconfirmed: [] };
    tenants.set(tenant, known);
    return known;
  }

  function find({ tenant, campaignId }: CampaignId): FakeCampaign | undefined {
    return campaigns.find((one) => one.tenant === tenant && one.campaignId === campaignId);
  }

  function ensure(id: CampaignId, audience: Partial<Audience> = {}): FakeCampaign {
    const known = find(id);
    if (known) return known;
    const campaign: FakeCampaign = {
      ...{ tenant: id.tenant, campaignId: id.campaignId, ref: campaigns.length + 1 },
      ...{ audience: { ...ordinary, ...audience }, asked: 0, phase: 'announced', announcedAt: 0 },
      ...{ epoch: 0, pass: 0, instants: undefined },
      ...{ fence: undefined, fencedAt: undefined, deletedAt: undefined },
      ...{ held: undefined, halted: false, collected: false, expiresAt: undefined },
      ...{ closedFor: undefined, summary: undefined, batches: [], effects: [] },
      ...{ fulfilments: [], notSent: undefined },
    };
    campaigns.push(campaign);
    return campaign;
  }

  function campaignOf(ref: number): FakeCampaign {
    const campaign = campaigns[ref - 1];
    if (!campaign) throw new Error(`No campaign ${ref}`);
    campaign.halted = tenantOf(campaign.tenant).halted;
    return campaign;
  }

  function batchOf(campaign: FakeCampaign, number: number): FakeBatch {
    const batch = campaign.batches[number - 1];
    if (!batch) throw new Error(`No batch ${number}`);
    return batch;
  }

  function announce(id: CampaignId, { announcedAt, instants }: Announcement): void {
    const campaign = ensure(id);
    if (campaign.fence === 'deleted' || announcedAt < campaign.announcedAt) return;
    Object.assign(campaign, { announcedAt, instants });
  }

  /** The events 11 of a tenant that nobody has heard, and the pools that have not been given. */
  function eventsOf(tenant: string): { waiting: string[]; pools: Debt[] } {
    const known = events.get(tenant) ?? { waiting: [], pools: [] };
    events.set(tenant, known);
    return known;
  }

  let pooled = 0;
  function waitingPools(heard: number): Debt[] {
    return Array.from({ length: Math.ceil(heard / poolSize) }, () => {
      pooled += 1;
      return { campaign: 1, number: pooled };
    });
  }

  function unfinished(campaign: FakeCampaign): number[] {
    return campaign.batches.filter((batch) => !batch.finished).map((batch) => batch.number);
  }

  function openIds(tenant: string, now: number): string[] {
    return campaigns
      .filter((one) => one.tenant === tenant && !isOver(one) && !one.fence)
      .filter((one) => one.phase !== 'announced' || (one.instants?.stop ?? 0) > now)
      .map((one) => one.campaignId);
  }

  async function heldBatches(
    campaign: FakeCampaign,
    reason: Parameters<typeof isSelected>[2],
  ): Promise<number[]> {
    const now = await clock.now();
    return campaign.batches
      .filter(({ endsAt = 0 }) => reason !== 'expired' || endsAt <= now)
      .filter(
        ({ number, members }) =>
          members.some((member) => isSelected(campaign, member, reason)) ||
          campaign.effects.some(
            ({ open, kind, batch }) =>
              open && batch === number && (kind === 'allocate' || kind === 'revoke'),
          ),
      )
      .map((batch) => batch.number);
  }

  const activities: Activities = {
    ...fulfilmentActivities({ campaigns, clock, find, campaignOf }),
    ...reconciliationActivities({ campaigns, clock, books: reconciled }),

    async openCampaign({ announcement, retry, ...id }) {
      if (announcement) announce(id, announcement);
      const now = await clock.now();
      const campaign = campaignOf(ensure(id).ref);
      const opening = openingOf(campaign, now, retry !== undefined);
      if (opening === 'fresh' || opening === 'reopened') {
        campaign.phase = campaign.collected ? 'running' : 'collecting';
        campaign.epoch += 1;
        campaign.summary = undefined;
      }
      if (opening === 'reopened' || opening === 'resumed') reopen(campaign);
      const { ref, instants, collected, audience } = campaign;
      const { stages: recipe, lanes } = audience;
      return { opening, ref, instants, stages: recipe, lanes, collected };
    },

    async campaignStanding({ ref }) {
      const campaign = campaignOf(ref);
      const { instants, held, halted, fence } = campaign;
      const fenced = fence !== undefined;
      return { instants, fenced, held, halted, unfinished: unfinished(campaign) };
    },

    async startPass({ ref }) {
      const campaign = campaignOf(ref);
      campaign.pass += 1;
      return { pass: campaign.pass, unfinished: unfinished(campaign) };
    },

    async forwardAliveFor({ ref }) {
      const now = await clock.now();
      const alive = campaignOf(ref).effects.filter(
        (effect) => effect.open && forwardKinds.includes(effect.kind),
      );
      return Math.max(0, ...alive.map((effect) => effect.aliveUntil - now));
    },

    async fenceDeleted(id) {
      const campaign = ensure(id);
      fenceCampaign(campaign, await clock.now(), 'deleted');
      return { ref: campaign.ref, fence: 'deleted' };
    },

    async fenceOf(id) {
      const { ref, fence } = ensure(id);
      if (!fence) throw new Error('The campaign has no fence');
      return { ref, fence };
    },

    async releaseCampaign(asked) {
      const campaign = ensure(asked);
      if (campaign.held === undefined) return { why: 'not_held' };
      campaign.held = undefined;
      return null;
    },

    async cancelCampaign({ force, ...id }) {
      return cancel(ensure(id), await clock.now(), force) ?? null;
    },

    async batchesToWithdraw({ ref }) {
      const campaign = campaignOf(ref);
      const now = await clock.now();
      if (now >= (campaign.instants?.lastReport ?? 0)) return [];
      for (const effect of campaign.effects) {
        if (effect.kind !== 'approve' || !effect.open || effect.aliveUntil > now) continue;
        for (const member of effect.approved) tell(member, 'asked');
        effect.open = false;
      }
      return campaign.batches
        .filter(({ members }) => members.some(isTold))
        .map(({ number }) => number);
    },

    async withdrawBatch({ ref, batch }) {
      const campaign = campaignOf(ref);
      return claimAndWalk(outside, campaign, batchOf(campaign, batch), ['deny'], withdraw);
    },

    // Suppressions are the ledger's own business, and tested there.
    async spreadSuppressions() {
      return 0;
    },
    async settleSuppressions() {},

    async lapse({ ref, reason }) {
      const campaign = campaignOf(ref);
      const now = await clock.now();
      for (const effect of campaign.effects) {
        // A lost validation stays open: after a reopening it is found out about, not asked again.
        if (effect.kind === 'allocate' && effect.aliveUntil <= now) effect.open = false;
      }
      // What the publisher decided comes after event 13.
      const isOverAll = campaign.fence !== undefined || campaign.phase === 'executed';
      return membersOf(campaign)
        .filter(({ facts }) => isOverAll || facts.state !== 'published')
        .filter((member) => move(member, 'lapsed', reason)).length;
    },

    async closeCampaign({ ref, reason }) {
      const campaign = campaignOf(ref);
      const { fence } = campaign;
      if (fence && reason !== endOf[fence]) return summaryOf(campaign, reason);
      campaign.phase = 'closed';
      campaign.closedFor = campaign.instants?.deadline;
      campaign.summary = summaryOf(campaign, reason);
      return campaign.summary;
    },

    async collectAudience({ ref }) {
      const campaign = campaignOf(ref);
      const now = await clock.now();
      const stopped = refusal({ ...campaign, held: undefined }, 'validate', now);
      if (stopped === 'fenced' || stopped === 'halted' || stopped === 'late') return { stopped };
      campaign.asked += 1;
      const { audience } = campaign;
      const isEmpty = audience.customers === 0 || campaign.asked <= audience.emptyReadings;
      if (!isEmpty && !campaign.collected) {
        campaign.batches = cutAudience(campaign);
        campaign.collected = true;
        campaign.phase = 'running';
        if (audience.customers > audience.maxAudience) campaign.held = 'over the limit';
      }
      return {
        ...{ stopped: undefined, held: campaign.held !== undefined },
        ...{ customers: isEmpty ? 0 : audience.customers, batches: campaign.batches.length },
      };
    },

    // Optimove names nobody whom the ledger does not know.
    async collectCanceled() {},

    async walkStage({ ref, batch, stage, isLast }) {
      const campaign = campaignOf(ref);
      const { kinds, walk } = stages[stage];
      const row = batchOf(campaign, batch);
      const { stopped } = await claimAndWalk(outside, campaign, row, kinds, walk);
      if (stopped) return { stopped };
      const isOpen = campaign.effects.some((effect) => effect.open && effect.batch === batch);
      const finished = isLast && !isOpen;
      if (finished) row.finished = true;
      return { finished };
    },

    // The fake has no order among the codes.
    async leaveBatch() {},

    async batchesToRevoke({ ref, reason }) {
      return heldBatches(campaignOf(ref), reason);
    },

    async revokeBatch({ ref, batch, more = [], reason }) {
      const campaign = campaignOf(ref);
      for (const one of [batch, ...more]) {
        const end = await claimAndWalk(
          ...([outside, campaign, batchOf(campaign, one), ['revoke']] as const),
          (walk) => revoke(walk, reason),
        );
        if (end.stopped) return end;
      }
      return {};
    },

    answerOverdue: async () => 0,
    async settlePool({ campaign, number }) {
      for (const { unconfirmed } of tenants.values()) {
        const at = unconfirmed.findIndex(
          (one) => one.campaign === campaign && one.number === number,
        );
        if (at >= 0) unconfirmed.splice(at, 1);
      }
      return true;
    },
    async hearGrants({ tenant }) {
      const { waiting, pools } = eventsOf(tenant);
      const heard = waiting.splice(0).length;
      if (heard > 0) pools.push(...waitingPools(heard));
      return { heard, pools: [...pools], laterMs: null };
    },

    async giveGrants({ number }) {
      for (const { pools } of events.values()) {
        const at = pools.findIndex((one) => one.number === number);
        if (at >= 0) pools.splice(at, 1);
      }
      return true;
    },

    async debts({ tenant }) {
      const now = await clock.now();
      const { halted } = tenantOf(tenant);
      const own = campaigns.filter((one) => one.tenant === tenant && !halted);
      const unknown = own.flatMap((one) =>
        one.effects
          .filter((effect) => effect.open && effect.aliveUntil < now)
          .filter(
            ({ kind }) =>
              (kind === 'redeem' && !one.fence) || (kind === 'revoke' && one.phase === 'closed'),
          )
          .map((effect) => ({ campaign: one.ref, number: effect.batch })),
      );
      const redemptions = own.flatMap((one) =>
        one.batches
          .filter((batch) => batch.redemptionsDue && !one.fence)
          .map((batch) => ({ campaign: one.ref, number: batch.number })),
      );
      return {
        unknown,
        redemptions,
        redemptionsWaitMs: null,
        open: openIds(tenant, now),
        canceled: campaigns
          .filter((one) => one.tenant === tenant)
          .flatMap(({ campaignId, fence, summary }) =>
            fence && summary?.reason !== endOf[fence] ? [{ campaignId, by: fence }] : [],
          ),
        ...{ unspread: false, suppressions: [], overdue: false },
        executed: activeFulfilments(campaigns, tenant, now),
        pools: [...tenantOf(tenant).unconfirmed],
        ending: [...(ending.get(tenant) ?? [])],
        halted,
      };
    },

    async settleBatch({ campaign: ref, number }) {
      const campaign = campaignOf(ref);
      const batch = batchOf(campaign, number);
      await claimAndWalk(outside, campaign, batch, ['redeem', 'revoke'], async () => undefined);
    },

    async redeemBatch({ campaign: ref, number }) {
      const campaign = campaignOf(ref);
      await claimAndWalk(outside, campaign, batchOf(campaign, number), ['redeem'], redeem);
    },

    async probe({ tenant }) {
      const known = tenantOf(tenant);
      if (known.keyMended) known.halted = false;
      if (known.halted) return { resumed: false, campaigns: [] };
      return { resumed: true, campaigns: openIds(tenant, await clock.now()) };
    },

    async nextExpiry(id) {
      const campaign = campaignOf(ensure(id).ref);
      const { ref, expiresAt, batches } = campaign;
      const held = batches.filter(({ members }) =>
        members.some((member) => isSelected(campaign, member, 'expired')),
      );
      const ends = held.map(({ endsAt = expiresAt ?? Infinity }) => endsAt);
      return { ref, at: ends.length > 0 ? Math.min(...ends) : null };
    },
  };

  return {
    activities: options.before ? interrupted(activities, options.before) : activities,
    books,
    eventsOf,
    reconciled,
    ending,
    campaigns,
    find,
    ensure,
    announce,
    tenantOf,
    /** What the gateway does when event 4 comes. */
    fence: (id: CampaignId, now: number): void => fenceCampaign(ensure(id), now, 'deleted'),
    /** What the gateway does when an operator cancels. */
    cancel: (id: CampaignId, now: number, force: boolean) => cancel(ensure(id), now, force),
  };
}

interface FakeTenant {
  halted: boolean;
  keyMended: boolean;
  /** Pools of claims whose customers are to be confirmed. */
  unconfirmed: Debt[];
}

function fenceCampaign(campaign: FakeCampaign, now: number, fence: 'deleted' | 'operator'): void {
  if (campaign.fence === 'deleted') return;
  campaign.fence = fence;
  campaign.fencedAt ??= now;
  if (fence === 'deleted') campaign.deletedAt = now;
}

function cancel(campaign: FakeCampaign, now: number, force: boolean): Refusal | undefined {
  const { fence, instants } = campaign;
  if (fence) return { why: fence === 'deleted' ? 'deleted' : 'canceled' };
  const since = instants?.lastReport ?? Infinity;
  if (now >= since && !force) return { why: 'told', since, customers: 0 };
  fenceCampaign(campaign, now, 'operator');
  return undefined;
}

/** How a run begins; the ledger decides, so that repeats do nothing. */
function openingOf(
  campaign: FakeCampaign,
  now: number,
  isRetry: boolean,
): 'fresh' | 'resumed' | 'reopened' | 'closed' | 'fenced' | 'unusable' | 'late' {
  const { fence, instants, phase, closedFor } = campaign;
  if (fence) return 'fenced';
  if (!instants) return 'unusable';
  const reopenable = isRetry || instants.deadline > (closedFor ?? -Infinity);
  if (phase === 'executed' || (phase === 'closed' && !reopenable)) return 'closed';
  if (instants.stop <= now) return 'late';
  if (phase === 'closed') return 'reopened';
  return phase === 'announced' ? 'fresh' : 'resumed';
}

/** What lapsed by the deadline, or by a failure, goes on where it stopped. */
function reopen(campaign: FakeCampaign): void {
  for (const batch of campaign.batches) {
    for (const member of batch.members) {
      const { reason = '' } = member;
      if (member.facts.state !== 'lapsed' || !['deadline', 'failed'].includes(reason)) continue;
      move(member, member.rewarded ? 'reopened_rewarded' : 'reopened');
      batch.finished = false;
    }
  }
}

function summaryOf(campaign: FakeCampaign, reason: string) {
  const customers = customersOf(membersOf(campaign)).map((members) => members[0]?.facts.clearance);
  const count = (clearance: string) => customers.filter((one) => one === clearance).length;
  return {
    reason,
    audience: customers.length,
    states: { ...countStates(campaign) },
    approvedCustomers: count('approved'),
    deniedCustomers: count('denied'),
    unknownCustomers: count('unknown'),
    delegatedCustomers: count('delegated'),
  };
}

function isOver({ phase }: FakeCampaign): boolean {
  return phase === 'closed' || phase === 'executed';
}

function interrupted(activities: Activities, before: Before): Activities {
  return new Proxy(activities, {
    get: (target, name) => async (input: unknown) => {
      await before(String(name), input);
      return Reflect.apply(Reflect.get(target, name), undefined, [input]);
    },
  });
}
