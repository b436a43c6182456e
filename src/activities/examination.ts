import { isHeld } from '../domain/assignment.ts';
import { cut } from '../domain/batching.ts';
import { assignmentKey } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import { type Books, type Entry, judge } from '../domain/reconciliation.ts';
import { type BatchEvidence, evidenceOf } from '../ledger/batch-evidence.ts';
import { type CampaignRow, campaignOf, endOf } from '../ledger/campaigns.ts';
import { type BatchRow, readBatch } from '../ledger/columns.ts';
import {
  differencesOf,
  type Found,
  type OpenDifference,
  saveDifferences,
} from '../ledger/differences.ts';
import type { Member } from '../ledger/packing.ts';
import { learnedSize, learnSize } from '../ledger/tenants.ts';
import type { LookUpOutcome, Reading } from '../world.ts';
import { type Activated, worldOf } from './house.ts';

/** One batch of a campaign whose books a run looks at. */
export interface Examined {
  ref: number;
  batch: number;
  run: string;
}

/** Somebody may write a batch while the platform is asked; it is then looked at again, this often at most. */
const mostLooks = 5;

/**
 * Holds one batch against what the far sides say of its members, and writes down what differs. It only reads; the
 * platform is asked for their keys. Throws where the batch is not at rest: it is looked at again.
 */
export async function examine(
  house: Activated,
  examined: Examined,
  signal: AbortSignal,
): Promise<Found[]> {
  const { pool } = house;
  const { ref, batch: number, run } = examined;
  const at = { campaign: ref, batch: number, run };
  for (let look = 1; look <= mostLooks; look += 1) {
    const campaign = await campaignAtRest(house, ref);
    const batch = await readBatch(pool, ref, number);
    if (!batch) throw new Error(`Batch ${number} of campaign ${campaign.campaignId} is gone`);
    const evidence = await evidenceOf(pool, at);
    if (!evidence) throw new Error('Another run has taken the evidence over');
    if (evidence.isBusy) throw new Error(`Batch ${number} is being worked on`);
    const platform = await lookUp(house, campaign, membersToAsk(batch, evidence), signal);
    const again = await readBatch(pool, ref, number);
    if (again?.read?.version !== batch.read?.version || again?.change !== batch.change) continue;
    const earlier = await differencesOf(pool, ref, number);
    const found = judgeAll(campaign, batch, { evidence, platform, earlier });
    await saveDifferences(pool, at, found);
    return found;
  }
  throw new Error(`Batch ${number} was written ${mostLooks} times while it was looked at`);
}

/** While a run, a fulfilment or a cancellation is at work, the books are not closed. */
async function campaignAtRest({ pool }: Activated, ref: number): Promise<CampaignRow> {
  const campaign = await campaignOf(pool, ref);
  const { phase, fence, summary } = campaign;
  const isEnded = fence === undefined || summary?.reason === endOf[fence];
  if (phase === 'closed' && isEnded) return campaign;
  throw new Error(`Campaign ${campaign.campaignId} is being worked on`);
}

function membersToAsk({ members }: BatchRow, { asked }: BatchEvidence): Member[] {
  return members.filter(({ position, state }) => {
    if (state === 'moved' || state === 'cleared') return false;
    return asked.has(position) || isHeld(state) || state === 'expired';
  });
}

type Platform = ReadonlyMap<string, LookUpOutcome['status']>;

/** Asks the platform by key, in calls of a size that it takes. */
async function lookUp(
  house: Activated,
  { tenant, campaignId }: CampaignRow,
  members: readonly Member[],
  signal: AbortSignal,
): Promise<Platform> {
  const { pool } = house;
  const { platform } = worldOf(house, tenant);
  const found = new Map<string, LookUpOutcome['status']>();
  const learned = await learnedSize(pool, tenant, 'platform');
  const keys = members.map((member) => assignmentKey({ ...member, campaignId }));
  let pieces = cut(keys, Math.min(platform.maxItemsPerCall, learned ?? Infinity));
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    signal.throwIfAborted();
    try {
      const answer = await platform.lookUp(piece, readingBehindAll(signal));
      for (const [key, { status }] of answer) found.set(key, status);
    } catch (error) {
      const isTooLarge = error instanceof Fault && error.kind === 'too_large';
      if (!isTooLarge || piece.length === 1) throw error;
      const size = Math.floor(piece.length / 2);
      await learnSize(pool, tenant, 'platform', size);
      pieces = [piece, ...pieces].flatMap((one) => cut(one, size));
    }
  }
  return found;
}

/** Nobody waits for it: whatever has a deadline goes first. */
export function readingBehindAll(signal: AbortSignal): Reading {
  return { rank: { class: 'bulk', deadline: Infinity, stage: 0 }, signal };
}

interface Sides {
  evidence: BatchEvidence;
  platform: Platform;
  earlier: readonly OpenDifference[];
}

function judgeAll(campaign: CampaignRow, batch: BatchRow, sides: Sides): Found[] {
  const { evidence } = sides;
  const { plan, campaignId } = campaign;
  if (!plan) throw new Error(`Campaign ${campaignId} was never opened`);
  const books: Books = {
    ...{ flow: plan.flow, codes: plan.codes, notSent: plan.notSent },
    isFenced: campaign.fence !== undefined,
    isClaimed: plan.claims !== undefined,
    isSentKnown: evidence.isSentKnown,
    deadlineAgoMs: evidence.deadlineAgoMs,
  };
  const stages = [...plan.recipe, ...(plan.executed ?? [])];
  const isRewarded = stages.includes('validate') || stages.includes('award');
  const holders = new Set(
    batch.members.flatMap(({ state, customerId }) => (isHeld(state) ? [customerId] : [])),
  );
  return batch.members.flatMap((member): Found[] => {
    const { position, customerId, rewards } = member;
    // What a call on the wire does to it shows with the next look.
    if (evidence.alive.has(position)) return [];
    const entry: Entry = {
      ...{ state: member.state, clearance: member.clearance, redemption: member.redemption },
      reason: member.reason,
      hasReward: rewards.length > 0 || !isRewarded,
      endedAgoMs: evidence.endedAgoMs,
      platform: sides.platform.get(assignmentKey({ ...member, campaignId })),
      isSent: evidence.sent.has(position),
      isAwarded: evidence.awarded?.has(position),
      isEnded: isEnded(position, sides),
      isUsed: evidence.used.has(position),
      twice: twiceOf(position, evidence),
      isCovered: plan.codes === 'any' && holders.has(customerId),
    };
    const judgement = judge(entry, books);
    return judgement ? [{ ...judgement, member }] : [];
  });
}

/** Optimove is asked on the day alone: what it said then stands until the ledger has moved. */
function isEnded(position: number, { evidence, earlier }: Sides): boolean | undefined {
  if (evidence.ended) return evidence.ended.has(position);
  const found = earlier.find((one) => one.position === position);
  if (found?.verdict === 'ended_but_held') return true;
  return found?.verdict === 'end_unknown' ? false : undefined;
}

function twiceOf(position: number, { oneKey, twoKeys }: BatchEvidence): Entry['twice'] {
  if (twoKeys.has(position)) return 'two_keys';
  return oneKey.has(position) ? 'one_key' : undefined;
}
