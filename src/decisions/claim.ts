import { setTimeout as delay } from 'node:timers/promises';
import { claimPlan } from '../domain/campaign.ts';
import type { Said } from '../domain/check.ts';
import { type CampaignRow, findCampaign } from '../ledger/campaigns.ts';
import { type Claimable, findClaimable } from '../ledger/claims.ts';
import { type Gathering, gather } from '../ledger/gathering.ts';
import type { ClaimLine } from './claim-opening.ts';
import { busy, type Claim, type ClaimAnswer, standingOf } from './claimable.ts';
import { type Claimed, claimed, timeLeft } from './claimed.ts';
import { giveClaims } from './claiming.ts';
import type { Deciding, Memory } from './house.ts';
import { createLine } from './line.ts';
import { mostWaiting, sheds } from './shedding.ts';

/** A claim waits no longer than this for its turn and its answers. */
const budgetMs = 25_000;

/** How long a claim that somebody else works on is looked for, and how often. */
const waitMs = 5_000;
const lookEveryMs = 30;

const mostAtOnce = 1_000;
/** Claims that come within so long are looked for together. */
const gapMs = 5;

/** Pools of one line in flight at once: those who come meanwhile wait for the next, together. */
const poolsInFlight = 4;

interface Place {
  of: ClaimLine;
  giving: Gathering<Claimed>;
}

/**
 * Answers claims: a reward for each customer who was approved, once. What a claim comes to is always read
 * from the ledger, so that every repeat, at whichever gateway, hears the same.
 */
export function createClaims(house: Deciding, memory: Memory) {
  const asking = new Map<string, Claimed>();
  const places = new Map<string, Place>();

  const looking = gather<Claimed>(
    2,
    async (drain) => {
      const asked = drain.take(mostAtOnce).filter((one) => !one.isAnswered);
      if (asked.length === 0) return;
      try {
        const campaigns = await campaignsOf(asked);
        const rowOf = (one: Claimed) => campaigns.get(nameOf(one));
        const found = await findClaimable(
          house.pool,
          asked.map((one) => ({
            campaign: rowOf(one)?.ref ?? 0,
            customerId: one.claim.customerId,
          })),
        );
        for (const [index, one] of asked.entries()) goOn(one, rowOf(one), found[index] ?? []);
      } catch (error) {
        house.log.warn(
          { claims: asked.length, error: String(error) },
          'claims wait for the ledger',
        );
        for (const one of asked) one.answer(busy);
      }
    },
    gapMs,
  );

  /** What another one is at is looked for again, a little later. */
  const awaiting = gather<Claimed>(1, async (drain) => {
    await delay(lookEveryMs);
    for (const one of drain.take(mostAtOnce)) looking.add(one);
  });

  async function campaignsOf(asked: readonly Claimed[]): Promise<Map<string, CampaignRow>> {
    const found = new Map<string, CampaignRow>();
    for (const [name, [one]] of Map.groupBy(asked, nameOf)) {
      if (!one) continue;
      const { tenant, claim } = one;
      const row = await findCampaign(house.pool, { tenant, campaignId: claim.campaignId });
      if (row) found.set(name, row);
    }
    return found;
  }

  function goOn(one: Claimed, row: CampaignRow | undefined, found: Claimable[]): void {
    const standing = standingOf(row, found, one.claim, Date.now());
    switch (standing.next) {
      case 'answer':
        one.answer(standing.answer);
        break;
      case 'wait':
        one.waitsUntil ??= performance.now() + waitMs;
        if (performance.now() >= one.waitsUntil) one.answer(busy);
        else awaiting.add(one);
        break;
      case 'go':
        one.places = standing.places;
        if (row) join(one, row);
    }
  }

  function join(one: Claimed, row: CampaignRow): void {
    const place = placeOf(one, row);
    if (!place || isShed(place, one)) one.answer(busy);
    else place.giving.add(one);
  }

  function placeOf(one: Claimed, row: CampaignRow): Place | undefined {
    const { tenant } = one;
    const world = house.worlds.get(tenant);
    if (!world || !row.plan) return undefined;
    const codes = new Map(one.places.map(({ promoCode, code }) => [promoCode, code]));
    const said = saidOf(one.places);
    const promoCodes = [...codes.keys()].sort();
    const name = JSON.stringify([tenant, row.campaignId, promoCodes, said]);
    const known = places.get(name);
    // Other settings bring other far sides: the old line ends with those who wait in it.
    if (known?.of.line.world === world) return known;
    for (const [idle, { giving }] of places) if (giving.isIdle()) places.delete(idle);
    const line = createLine({
      ...{ house, memory, tenant, world, said, promoCodes },
      campaign: { row, codes },
      plan: claimPlan(row.plan),
    });
    const of: ClaimLine = { line, expiresAt: undefined };
    const giving = gather<Claimed>(poolsInFlight, (drain) => giveClaims(of, drain, looking.add));
    const place = { of, giving };
    places.set(name, place);
    return place;
  }

  function isShed({ of: { line }, giving }: Place, one: Claimed): boolean {
    const stepsMs = line.stepsMs();
    const turnMs = line.limit ? line.limit.perMs / line.limit.requests : stepsMs / poolsInFlight;
    const queue = { waiting: giving.waiting(), mostPerPool: line.mostPerPool, poolsBefore: 0 };
    return sheds({ ...queue, turnMs, stepsMs }, timeLeft(one));
  }

  return {
    /** Never rejects; a claim that comes while it is being answered hears that answer. */
    async claim(tenant: string, claim: Claim): Promise<ClaimAnswer> {
      const key = JSON.stringify([tenant, claim.campaignId, claim.customerId]);
      for (let first = asking.get(key); first; first = asking.get(key)) {
        const answer = await first.outcome;
        if (isSame(first.claim, claim)) return answer;
      }
      if (asking.size >= mostWaiting) return busy;
      const one = claimed(tenant, claim, budgetMs);
      asking.set(key, one);
      looking.add(one);
      const answer = await one.outcome;
      asking.delete(key);
      return answer;
    },
    waiting: (): number => asking.size,
  };
}

function isSame(one: Claim, other: Claim): boolean {
  return one.claimId === other.claimId && one.promoCode === other.promoCode;
}

function nameOf({ tenant, claim }: Claimed): string {
  return JSON.stringify([tenant, claim.campaignId]);
}

/** What the checks said of the campaign, where checks brought the customer here. */
function saidOf([place]: readonly Claimable[]): Said {
  const { claims: _, session: __, ...said } = place?.said ?? {};
  return said;
}
