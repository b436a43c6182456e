import type { Activities } from '../../src/activities/activities.ts';
import { beginsExecuted, executedSpan } from '../../src/domain/campaign.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import type { FulfilmentId } from '../../src/ledger/fulfilments.ts';
import type { Clock } from './fake-stages.ts';
import {
  customersOf,
  cutExecuted,
  type FakeCampaign,
  type FakeFulfilment,
  membersOf,
  tell,
} from './fake-state.ts';

const dayMs = 86_400_000;
/** A run that wakes within so long is left alone. */
const soonMs = 60_000;

type OfFulfilments = Pick<
  Activities,
  | 'openFulfilment'
  | 'collectExecuted'
  | 'collectSent'
  | 'fulfilmentStanding'
  | 'markRead'
  | 'sentStanding'
  | 'settleSent'
  | 'noteWaking'
  | 'closeFulfilment'
  | 'openChannels'
  | 'findExecuted'
>;

/** What the fake ledger answers the stories of what follows once Optimove has sent a campaign. */
export function fulfilmentActivities(of: {
  campaigns: readonly FakeCampaign[];
  clock: Clock;
  find(id: CampaignId): FakeCampaign | undefined;
  campaignOf(ref: number): FakeCampaign;
}): OfFulfilments {
  const { campaigns, clock, find, campaignOf } = of;

  return {
    async openFulfilment(id) {
      const campaign = find(id);
      const fulfilment = campaign?.fulfilments.find(({ channel }) => channel === id.channel);
      if (!campaign || !fulfilment) return { next: 'over', reason: 'unknown' };
      const { ref, phase, fence, audience, batches } = campaign;
      const { number, collected, outcome } = fulfilment;
      if (fence) return { next: 'over', reason: 'fenced' };
      if (outcome !== undefined) return { next: 'over', reason: 'closed' };
      if (audience.flow === 'shadow') return { next: 'over', reason: 'shadow' };
      if (phase !== 'closed' && phase !== 'executed') return { next: 'wait' };
      if (audience.flow === 'managed') return { next: 'confirm', ref, number };
      campaign.phase = 'executed';
      for (const batch of beginsExecuted(audience) ? [] : batches) {
        if (batch.fulfilment === undefined) {
          Object.assign(batch, { fulfilment: number, finished: false, token: batch.token + 1 });
        }
      }
      const { executed: stages, lanes } = audience;
      return { next: 'give', ref, number, isCollected: collected, stages, lanes };
    },

    async collectExecuted({ ref, number }) {
      const campaign = campaignOf(ref);
      const fulfilment = fulfilmentOf(campaign, number);
      const { fence, halted, audience } = campaign;
      if (fence) return { stopped: 'fenced' };
      if (halted) return { stopped: 'halted' };
      fulfilment.asked += 1;
      const { leadTimeDays, durationDays } = audience;
      fulfilment.span ??= executedSpan(fulfilment.toldAt, { leadTimeDays, durationDays });
      if (fulfilment.asked > audience.emptyReadings) gather(campaign, fulfilment);
      const customers = customersOf(membersOf(campaign)).length;
      fulfilment.collected = customers > 0;
      if (customers > audience.maxAudience) campaign.held ??= 'over the limit';
      const batches = campaign.batches.length;
      return { stopped: undefined, ...fulfilment.span, customers, batches };
    },

    async collectSent({ ref, number }) {
      const campaign = campaignOf(ref);
      const fulfilment = fulfilmentOf(campaign, number);
      const { fence, halted, audience, batches } = campaign;
      if (fence) return { stopped: 'fenced' };
      if (halted) return { stopped: 'halted' };
      fulfilment.asked += 1;
      if (fulfilment.asked <= audience.emptyReadings)
        return { stopped: undefined, customers: 0, told: 1 };
      let customers = 0;
      for (const batch of batches) {
        const reached = customersOf(batch.members)
          .flatMap(([first]) => first?.customer ?? [])
          .filter((customer) => audience.reaches(fulfilment.channel, customer));
        batch.sent = new Set([...(batch.sent ?? []), ...reached]);
        customers += reached.length;
      }
      return { stopped: undefined, customers, told: 1 };
    },

    async fulfilmentStanding({ ref, number }) {
      const { fence, held, halted, batches } = campaignOf(ref);
      const unfinished = batches
        .filter((batch) => batch.fulfilment === number && !batch.finished)
        .map((batch) => batch.number);
      return { fenced: fence !== undefined, held, halted, unfinished };
    },

    async markRead({ ref, number }) {
      fulfilmentOf(campaignOf(ref), number).collected = true;
    },

    async sentStanding({ ref }) {
      const { audience, fulfilments, notSent } = campaignOf(ref);
      const read = fulfilments.filter(({ collected }) => collected).map(({ channel }) => channel);
      const missing = audience.channels.filter((one) => !read.includes(one) && !read.includes(''));
      const first = Math.min(...fulfilments.map(({ toldAt }) => toldAt));
      const waitMs = Math.max(0, first + dayMs - (await clock.now()));
      return { isKnown: notSent !== undefined, missing, waitMs };
    },

    async settleSent({ ref }) {
      const campaign = campaignOf(ref);
      let notSent = 0;
      for (const { members, sent } of campaign.batches) {
        for (const member of members) {
          const { state, clearance } = member.facts;
          const isSent = sent?.has(member.customer) === true;
          if (clearance === 'approved' && state === 'allocated' && !isSent) notSent += 1;
          if (clearance === 'unknown') tell(member, isSent ? 'told_true' : 'told_false');
        }
      }
      for (const effect of campaign.effects) {
        if (effect.kind === 'approve' || effect.kind === 'deny') effect.open = false;
      }
      campaign.notSent = notSent;
      return { notSent, isAnybodySent: campaign.batches.some(({ sent }) => (sent?.size ?? 0) > 0) };
    },

    async noteWaking({ ref, number, at }) {
      fulfilmentOf(campaignOf(ref), number).wakesAt = at;
    },

    async closeFulfilment({ ref, number, outcome }) {
      const { fulfilments } = campaignOf(ref);
      fulfilmentOf(campaignOf(ref), number).outcome ??= outcome;
      return { isLast: fulfilments.every((one) => one.outcome !== undefined) };
    },

    async openChannels({ ref }) {
      return openOf(campaignOf(ref)).map(({ channel }) => channel);
    },

    async findExecuted({ tenant }) {
      const now = await clock.now();
      const own = campaigns.filter((one) => one.tenant === tenant);
      const lost = own.flatMap((campaign) =>
        campaign.audience.channels
          .filter((one) => !campaign.fulfilments.some(({ channel }) => channel === one))
          .map((channel) => ({ campaign, channel })),
      );
      for (const { campaign, channel } of lost) tellExecuted(campaign, channel, now);
      return lost.length;
    },
  };
}

/** What the gateway does when event 13 comes, but for the start. */
export function tellExecuted(campaign: FakeCampaign, channel: string, toldAt: number): void {
  if (campaign.fence || campaign.fulfilments.some((one) => one.channel === channel)) return;
  if (beginsExecuted(campaign.audience) && campaign.phase === 'announced') {
    campaign.phase = 'executed';
  }
  const number = campaign.fulfilments.length + 1;
  campaign.fulfilments.push({
    ...{ campaign, channel, number, toldAt, asked: 0, collected: false },
    ...{ wakesAt: undefined, span: undefined, outcome: undefined },
  });
}

/** A tenant's fulfilments that a run should be working on now. */
export function activeFulfilments(
  campaigns: readonly FakeCampaign[],
  tenant: string,
  now: number,
): Omit<FulfilmentId, 'tenant'>[] {
  return campaigns
    .filter((one) => one.tenant === tenant && !one.fence)
    .flatMap((one) => openOf(one))
    .filter(({ span }) => span === undefined || span.startsAt <= now + soonMs)
    .filter(({ wakesAt }) => wakesAt === undefined || wakesAt <= now)
    .map(({ campaign, channel }) => ({ campaignId: campaign.campaignId, channel }));
}

function openOf({ fulfilments }: FakeCampaign): FakeFulfilment[] {
  return fulfilments.filter(({ outcome }) => outcome === undefined);
}

function fulfilmentOf(campaign: FakeCampaign, number: number): FakeFulfilment {
  const fulfilment = campaign.fulfilments[number - 1];
  if (!fulfilment) throw new Error(`No fulfilment ${number}`);
  return fulfilment;
}

/** What the publisher was handed ends with its fulfilment; whoever else was sent comes in new batches. */
function gather(campaign: FakeCampaign, fulfilment: FakeFulfilment): void {
  if (beginsExecuted(campaign.audience)) {
    if (!fulfilment.collected) campaign.batches.push(...cutExecuted(campaign, fulfilment));
    return;
  }
  for (const batch of campaign.batches) {
    if (batch.fulfilment === fulfilment.number && fulfilment.span) {
      batch.endsAt ??= fulfilment.span.endsAt;
    }
  }
}
