import { isFinal } from '../domain/assignment.ts';
import type { Said } from '../domain/check.ts';
import { type EffectKind, permitMs } from '../domain/effect.ts';
import { finishClaims } from '../ledger/claim-debts.ts';
import { begin, type Settlement, settleWithin } from '../ledger/effects.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { sharedTransaction } from '../ledger/pools.ts';
import { allocationOrder } from '../stages/allocate.ts';
import { endingOf } from '../stages/claims.ts';
import { type Begun, intentOf, type Order } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import type { AllocationOutcome, Promocode } from '../world.ts';
import { type Claimed, timeLeft } from './claimed.ts';
import { type Line, sceneOf } from './line.ts';
import { laid } from './members.ts';

/** Claims that are brought to their end together; the batch of the scene is theirs. */
export interface ClaimPool {
  scene: Scene;
  asked: readonly Claimed[];
  /** As far as this process knows them; the ledger may know more. */
  members: Member[];
  promocodes: Map<string, Promocode>;
  /** The allocation, where it has been begun with the settling of the validation. */
  next: { order: Order<Map<string, AllocationOutcome>>; begun: Begun } | undefined;
  /** Every claim has its end, and what follows on it is written down as due. */
  isFinished: boolean;
}

/** A pool as it is about to be opened; what it gives ends at `expiresAt`, epoch milliseconds. */
export function buildClaims(
  line: Line,
  asked: readonly Claimed[],
  of: { number: number; promocodes: Map<string, Promocode>; expiresAt: number },
): ClaimPool {
  const { number, promocodes, expiresAt } = of;
  const members = asked
    .flatMap(({ claim: { customerId }, places }) => places.map((place) => ({ customerId, place })))
    .map(({ customerId, place }, index): Member => {
      const { promoCode, actionId, instance } = place;
      const facts = { state: 'screened', clearance: 'approved', redemption: 'none' } as const;
      return {
        ...{ ...facts, position: index + 1, customerId, promoCode, actionId, instance },
        ...{ rewards: [], reason: undefined },
      };
    });
  const lefts = asked.map(timeLeft);
  const scene = sceneOf(line, number, members, {
    firstMs: Math.min(...lefts),
    lastMs: Math.max(...lefts),
  });
  const session = asked.flatMap(({ claim: { customerId, sessionProperties } }) =>
    sessionProperties ? [[customerId, sessionProperties] as const] : [],
  );
  const said: Said = {
    ...line.said,
    claims: Object.fromEntries(asked.map(({ claim }) => [claim.customerId, claim.claimId])),
    ...(session.length > 0 && { session: Object.fromEntries(session) }),
  };
  const batch = { ...scene.batch, said, expiresAt };
  const pool: ClaimPool = {
    ...{ scene: { ...scene, batch }, asked, members, promocodes },
    ...{ next: undefined, isFinished: false },
  };
  pool.scene.settleDone = (kind, settlement) => settleClaims(pool, kind, settlement);
  return pool;
}

/**
 * Settles an effect of a pool, in one commit with what follows from it: the beginning of the allocation, or
 * else, where every claim has its end, their redemptions and their confirmation as debts of settlement.
 */
export async function settleClaims(
  pool: ClaimPool,
  kind: EffectKind,
  settlement: Settlement,
): Promise<void> {
  const { scene } = pool;
  const { campaign, batch } = scene;
  const members = laid(pool.members, settlement.happenings);
  const next = kind === 'validate' ? allocationOf(pool, members) : undefined;
  const ending = endingOf(scene, members);
  const happenings = withRedemptions(settlement.happenings, ending.redeemed);
  const isOver = !next && members.every(({ state }) => isFinal(state));
  const { read, begun } = await sharedTransaction(scene.pool, campaign.ref, async (connection) => {
    const permit = { until: performance.now() + permitMs };
    // One after the other in the ledger, and none of them waited for before the next is sent.
    const [settled, beginning] = await Promise.all([
      settleWithin(connection, batch, { ...settlement, happenings }),
      next && begin(connection, intentOf(scene, next), undefined),
      isOver && finishClaims(connection, batch, ending),
    ]);
    return { read: settled.read, begun: beginning && { beginning, permit } };
  });
  batch.read = read;
  pool.members = members;
  pool.isFinished = isOver;
  pool.next = next && begun && { order: next, begun };
}

function withRedemptions(
  happenings: readonly Happening[],
  redeemed: readonly number[],
): readonly Happening[] {
  const queued = new Set(redeemed);
  return happenings.map((one) =>
    queued.has(one.position) ? { ...one, redemption: 'queued' } : one,
  );
}

/**
 * The allocation that can be begun in the same commit: of a pool of one code, before a platform without a
 * limit of its own. All else goes by the stages, which look at several codes, totals and turns.
 */
function allocationOf(
  { scene, promocodes }: ClaimPool,
  all: readonly Member[],
): Order<Map<string, AllocationOutcome>> | undefined {
  const { plan, batch } = scene;
  const { expiresAt } = batch;
  if (plan.limits.maxRewardTotal || expiresAt === undefined) return undefined;
  if (new Set(all.map(({ promoCode }) => promoCode)).size > 1) return undefined;
  const members = all.filter(({ state }) => state === 'validated');
  if (members.length === 0) return undefined;
  const order = allocationOrder(scene, members, { expiresAt }, promocodes);
  return order.call.limit ? undefined : order;
}
