import { isFinal, type State } from '../domain/assignment.ts';
import { verdict } from '../domain/clearance.ts';
import type { EffectKind } from '../domain/effect.ts';
import { permitMs } from '../domain/effect.ts';
import { answerTriggers, type Finding } from '../ledger/answers.ts';
import { begin, type Settlement, settleWithin } from '../ledger/effects.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { finishPool, sharedTransaction } from '../ledger/pools.ts';
import { markRedemptionsDue } from '../ledger/redemptions.ts';
import { allocationOrder } from '../stages/allocate.ts';
import { type Begun, intentOf, type Order } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import type { AllocationOutcome, Promocode } from '../world.ts';
import { type Asked, type Cause, decisionOf, leftOf, reasonOf } from './asked.ts';
import { fits, type Pace } from './budget.ts';
import { laid } from './members.ts';

/** Checks that are brought to their answers together; the batch of the scene is theirs. */
export interface Pool {
  scene: Scene;
  /** In the order of the batch, each with as many members as there are codes. */
  asked: readonly Asked[];
  codes: number;
  /** As far as this process knows them; the ledger may know more. */
  members: Member[];
  promocodes: Map<string, Promocode>;
  allocating: Pace;
  /** The allocation, where it has been begun with the settling of the validation. */
  next: { order: Order<Map<string, AllocationOutcome>>; begun: Begun } | undefined;
  /** Every answer is written, and nothing is held that was answered false. */
  isFinished: boolean;
  /** It goes by the stages, which begin the allocation themselves. */
  isWalking: boolean;
}

export type Settling = Scene['settleDone'];

/** The members of one of the pool's customers. */
export function ownOf({ members, codes }: Pool, index: number): Member[] {
  return members.slice(index * codes, (index + 1) * codes);
}

/**
 * Settles an effect of a pool, in one commit with what follows from it: the answers of those who are
 * decided now, or else the beginning of the allocation. Whoever was answered meanwhile lapses.
 */
export async function settlePool(
  pool: Pool,
  kind: EffectKind,
  settlement: Settlement,
): Promise<void> {
  const { scene, asked } = pool;
  const before = pool.members;
  pool.members = laid(before, settlement.happenings);
  const findings = findingsOf(pool);
  const allowed = findings.filter((one) => one.finding.allowed).map(({ index }) => asked[index]);
  for (const one of allowed) if (one) one.isSettling = true;
  const next = kind === 'validate' ? allocationOf(pool) : undefined;
  const { told, read } = await sharedTransaction(
    scene.pool,
    scene.campaign.ref,
    async (connection) => {
      const answers = await answerAll(findings, (all) => answerTriggers(connection, all));
      const happenings = withClearance(pool, settlement.happenings, answers, next !== undefined);
      const settled = await settleWithin(connection, scene.batch, {
        ...settlement,
        happenings,
      });
      pool.members = laid(before, happenings);
      if (next) {
        const permit = { until: performance.now() + permitMs };
        const beginning = await begin(connection, intentOf(scene, next), undefined);
        pool.next = { order: next, begun: { beginning, permit } };
      } else if (isClean(pool)) {
        const redeemInMs = isQueued(happenings) ? scene.plan.redeemEveryMs : undefined;
        await finishPool(connection, scene.campaign.ref, scene.batch.number, redeemInMs);
        pool.isFinished = true;
      } else if (isQueued(happenings)) {
        await markRedemptionsDue(connection, refOf(scene), scene.plan.redeemEveryMs);
      }
      return { told: answers, read: settled.read };
    },
  ).catch((error: unknown) => {
    pool.next = undefined;
    pool.isFinished = false;
    throw error;
  });
  scene.batch.read = read;
  for (const { index, allowed: isAllowed, reason } of told) {
    const one = asked[index];
    if (one) one.isSettling = false;
    const decision = decisionOf({ allowed: isAllowed, reason }, isAllowed ? 'given' : 'failed');
    one?.answer(decision, 'written');
  }
}

interface Found {
  index: number;
  finding: Finding;
}

interface Told {
  index: number;
  allowed: boolean;
  reason: string | undefined;
}

/** What is known by now of those who wait for their answer. */
function findingsOf(pool: Pool): Found[] {
  return pool.asked.flatMap((one, index): Found[] => {
    if (one.isAnswered) return [];
    const own = ownOf(pool, index);
    const states = own.map(({ state }) => state);
    const judged = verdict(states, pool.scene.plan.codes);
    if (judged === 'pending') return [];
    const allowed = judged === 'approve';
    const reason = allowed ? 'given' : refusalOf(own);
    return [{ index, finding: findingOf(one, allowed, reason) }];
  });
}

export function findingOf(asked: Asked, allowed: boolean, reason: string): Finding {
  return {
    campaign: asked.campaign?.row.ref ?? 0,
    customerId: asked.check.userId,
    instance: asked.instance ?? 0,
    allowed,
    reason,
  };
}

/** The first of a customer's members that stands against an approval says why. */
function refusalOf(members: readonly Member[]): string {
  const against = members.find(({ state }) => isFinal(state) && state !== 'allocated');
  const cause = against ? causeOf(against.state) : 'failed';
  return reasonOf({
    allowed: false,
    cause,
    ...(against?.reason !== undefined && { reason: against.reason }),
  });
}

/** A member that neither Promotions nor the platform refused tells nothing of its customer. */
export function causeOf(state: State): Cause {
  return state === 'refused' || state === 'declined' ? state : 'failed';
}

async function answerAll(
  found: readonly Found[],
  write: (findings: Finding[]) => ReturnType<typeof answerTriggers>,
): Promise<Told[]> {
  if (found.length === 0) return [];
  const answers = await write(found.map(({ finding }) => finding));
  return found.map(({ index }, place) => ({
    index,
    allowed: answers[place]?.allowed ?? false,
    reason: answers[place]?.reason,
  }));
}

/**
 * What happened, with what is told of it. Where the allocation begins now, members of whoever was
 * answered before lapse: they are in no call, and come into none.
 */
function withClearance(
  pool: Pool,
  happenings: readonly Happening[],
  told: readonly Told[],
  isBeginning: boolean,
): Happening[] {
  const byPosition = new Map(happenings.map((one) => [one.position, one]));
  for (const { index, allowed } of told) {
    for (const { position, state } of ownOf(pool, index)) {
      const clearance = allowed ? 'told_true' : 'told_false';
      // What is active at once counts as activated when its customer is told.
      const isRedeemed = allowed && state === 'allocated' && pool.scene.world.promotions;
      const redemption = isRedeemed ? ({ redemption: 'queued' } as const) : {};
      byPosition.set(position, { ...byPosition.get(position), position, clearance, ...redemption });
    }
  }
  for (const [index, one] of pool.asked.entries()) {
    if (!isBeginning || !one.isAnswered) continue;
    for (const { position, state } of ownOf(pool, index)) {
      if (isFinal(state)) continue;
      byPosition.set(position, { position, state: 'lapsed', reason: 'late' });
    }
  }
  return [...byPosition.values()];
}

function isQueued(happenings: readonly Happening[]): boolean {
  return happenings.some(({ redemption }) => redemption === 'queued');
}

function refOf({ campaign, batch }: Scene): { campaign: number; number: number } {
  return { campaign: campaign.ref, number: batch.number };
}

/** Nothing is left to be decided, nor held by whoever was not told true. */
function isClean({ members }: Pool): boolean {
  return members.every(
    ({ state, clearance }) => isFinal(state) && (state !== 'allocated' || clearance === 'approved'),
  );
}

/**
 * The allocation that can be begun in the same commit: of a pool of one code, before a platform without
 * a limit of its own, for those whose time it fits into.
 */
function allocationOf(pool: Pool): Order<Map<string, AllocationOutcome>> | undefined {
  const { scene, codes, promocodes } = pool;
  if (pool.isWalking || codes > 1 || scene.plan.limits.maxRewardTotal) return undefined;
  if (!scene.plan.recipe.includes('allocate')) return undefined;
  const members = pool.members.filter(({ state }, index) => {
    const one = pool.asked[index];
    return (
      state === 'validated' &&
      one &&
      !one.isAnswered &&
      fits(leftOf(one), pool.allocating.expectedMs())
    );
  });
  const { expiresAt } = scene.batch;
  if (members.length === 0 || expiresAt === undefined) return undefined;
  const order = allocationOrder(scene, members, { expiresAt }, promocodes);
  return order.call.limit ? undefined : order;
}
