import type { Activities } from '../../src/activities/activities.ts';
import type { Announcement } from '../../src/domain/campaign.ts';
import { forwardKinds } from '../../src/domain/effect.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import { openBooks } from './fake-books.ts';
import {
  type CallFate,
  type Clock,
  claimAndWalk,
  isSelected,
  type Outside,
  redeem,
  refusal,
  revoke,
  stages,
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
} from './fake-state.ts';

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
  const tenants = new Map<string, { halted: boolean; keyMended: boolean }>();
  const books = openBooks();
  const outside: Outside = { clock, books, fate, wireMs };

  function tenantOf(tenant: string): { halted: boolean; keyMended: boolean } {
    const known = tenants.get(tenant) ?? { halted: false, keyMended: false };
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
      ...{ epoch: 0, pass: 0, instants: undefined, fence: undefined, fencedAt: undefined },
      ...{ held: undefined, halted: false, collected: false, expiresAt: undefined },
      ...{ closedFor: undefined, summary: undefined, batches: [], effects: [] },
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
    if (campaign.fence || announcedAt < campaign.announcedAt) return;
    Object.assign(campaign, { announcedAt, instants });
  }

  function unfinished(campaign: FakeCampaign): number[] {
    return campaign.batches.filter((batch) => !batch.finished).map((batch) => batch.number);
  }

  function openIds(tenant: string, now: number): string[] {
    return campaigns
      .filter((one) => one.tenant === tenant && one.phase !== 'closed' && !one.fence)
      .filter((one) => one.phase !== 'announced' || (one.instants?.stop ?? 0) > now)
      .map((one) => one.campaignId);
  }

  function heldBatches(campaign: FakeCampaign, reason: Parameters<typeof isSelected>[2]): number[] {
    return campaign.batches
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
    async openCampaign({ announcement, ...id }) {
      if (announcement) announce(id, announcement);
      const now = await clock.now();
      const campaign = campaignOf(ensure(id).ref);
      const opening = openingOf(campaign, now);
      if (opening === 'fresh' || opening === 'reopened') {
        campaign.phase = 'collecting';
        campaign.epoch += 1;
        campaign.summary = undefined;
      }
      if (opening === 'reopened') reopen(campaign);
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
      fenceCampaign(campaign, await clock.now());
      return { ref: campaign.ref };
    },

    async lapse({ ref, reason }) {
      const campaign = campaignOf(ref);
      const now = await clock.now();
      for (const effect of campaign.effects) {
        // A lost validation stays open: after a reopening it is found out about, not asked again.
        if (effect.kind === 'allocate' && effect.aliveUntil <= now) effect.open = false;
      }
      return membersOf(campaign).filter((member) => move(member, 'lapsed', reason)).length;
    },

    async closeCampaign({ ref, reason }) {
      const campaign = campaignOf(ref);
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

    async walkStage({ ref, batch, stage }) {
      const campaign = campaignOf(ref);
      const { kinds, walk } = stages[stage];
      return claimAndWalk(outside, campaign, batchOf(campaign, batch), kinds, walk);
    },

    async leaveBatch({ ref, batch, finished }) {
      const campaign = campaignOf(ref);
      const open = campaign.effects.some((effect) => effect.open && effect.batch === batch);
      const ends = finished && !open;
      if (ends) batchOf(campaign, batch).finished = true;
      return ends;
    },

    async batchesToRevoke({ ref, reason }) {
      return heldBatches(campaignOf(ref), reason);
    },

    async revokeBatch({ ref, batch, reason }) {
      const campaign = campaignOf(ref);
      return claimAndWalk(outside, campaign, batchOf(campaign, batch), ['revoke'], (walk) =>
        revoke(walk, reason),
      );
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
        canceled: [],
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
      const { ref, expiresAt } = campaignOf(ensure(id).ref);
      const held = heldBatches(campaignOf(ref), 'expired');
      return { ref, at: held.length > 0 ? (expiresAt ?? null) : null };
    },
  };

  return {
    activities: options.before ? interrupted(activities, options.before) : activities,
    books,
    campaigns,
    find,
    ensure,
    announce,
    tenantOf,
    /** What the gateway does when event 4 comes. */
    fence: (id: CampaignId, now: number): void => fenceCampaign(ensure(id), now),
  };
}

function fenceCampaign(campaign: FakeCampaign, now: number): void {
  campaign.fence = 'deleted';
  campaign.fencedAt ??= now;
}

/** How a run begins; the ledger decides, so that repeats do nothing. */
function openingOf(
  campaign: FakeCampaign,
  now: number,
): 'fresh' | 'resumed' | 'reopened' | 'closed' | 'fenced' | 'unusable' | 'late' {
  const { fence, instants, phase, closedFor } = campaign;
  if (fence) return 'fenced';
  if (!instants) return 'unusable';
  if (phase === 'closed' && instants.deadline <= (closedFor ?? -Infinity)) return 'closed';
  if (instants.stop <= now) return 'late';
  if (phase === 'closed') return 'reopened';
  return phase === 'announced' ? 'fresh' : 'resumed';
}

/** What lapsed by the deadline goes on where it stopped. */
function reopen(campaign: FakeCampaign): void {
  for (const batch of campaign.batches) {
    for (const member of batch.members) {
      if (member.facts.state !== 'lapsed' || member.reason !== 'deadline') continue;
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
  };
}

function interrupted(activities: Activities, before: Before): Activities {
  return new Proxy(activities, {
    get: (target, name) => async (input: unknown) => {
      await before(String(name), input);
      return Reflect.apply(Reflect.get(target, name), undefined, [input]);
    },
  });
}
