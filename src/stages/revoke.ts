import type { RevocationReason } from '../domain/words.ts';
import { rewrite } from '../ledger/batches.ts';
import { giveUpEffects, openEffects } from '../ledger/effects.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { positionsOf } from '../ledger/positions.ts';
import { isMarkedSuppressed } from '../ledger/suppression-marks.ts';
import { learnedSize } from '../ledger/tenants.ts';
import { keyOf } from './allocate.ts';
import { effectKey, type Order } from './effect.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';

/**
 * Takes back what one reason selects in one batch: what is held, and what may be held because an
 * allocation was never answered. Revoking what was never given succeeds, and bars the key.
 */
export async function revoke(scene: Scene, reason: RevocationReason): Promise<Delivered> {
  const doubtful = await doubtfulPositions(scene);
  const selects = selectionOf(scene, reason);
  const members = scene.batch.members.filter(
    (member) => selects(member) || doubtful.has(member.position),
  );
  const stopped = await takeBack(scene, members, reason);
  if (stopped) return stopped;
  // What was taken back needs no answer any more; left open, it would be looked for again for ever.
  await giveUpEffects(scene.pool, scene.campaign.ref, 'taken back', {
    batch: scene.batch.number,
    kinds: ['allocate', 'restore'],
  });
  await dropRedemptions(scene, reason, scene.batch.members.filter(selects));
  return undefined;
}

/** Takes back what suppressed customers of a running campaign were given; all others keep theirs. */
export async function revokeSuppressed(scene: Scene): Promise<Delivered> {
  const selects = selectionOf(scene, 'suppressed');
  const members = scene.batch.members.filter(
    (member) => isMarkedSuppressed(member) && selects(member),
  );
  const stopped = await takeBack(scene, members, 'suppressed');
  if (stopped) return stopped;
  await dropRedemptions(scene, 'suppressed', members);
  return undefined;
}

/**
 * Takes these members back once more, whatever became of an earlier call: `repairOf` names the differences that it
 * mends, so that it has a key of its own. What was used meanwhile is left.
 */
export async function takeBackAgain(
  scene: Scene,
  members: Member[],
  reason: RevocationReason,
  repairOf: (piece: Member[]) => string,
): Promise<Delivered> {
  const left = members.filter(({ state }) => state !== 'used');
  const stopped = await takeBack(scene, left, reason, repairOf);
  if (stopped) return stopped;
  await dropRedemptions(scene, reason, left);
  return undefined;
}

async function takeBack(
  scene: Scene,
  members: Member[],
  reason: RevocationReason,
  repairOf?: (piece: Member[]) => string,
): Promise<Delivered> {
  const learned = await learnedSize(scene.pool, scene.campaign.tenant, 'platform');
  return deliver(scene, {
    farSide: 'platform',
    items: members,
    maxPerCall: Math.min(scene.world.platform.maxItemsPerCall, learned ?? Infinity),
    build: (piece) =>
      revocationOrder(scene, piece, { reason, ...(repairOf && { repair: repairOf(piece) }) }),
    // A platform that refuses to take back leaves the reward with the customer: a person must look.
    refuse: () => undefined,
  });
}

/**
 * Redemptions that nobody has been told of are not told of what is taken back. What was used meanwhile is told:
 * by how the members stand now, under the lock of their batch.
 */
async function dropRedemptions(
  { pool, batch }: Scene,
  reason: RevocationReason,
  members: readonly Member[],
): Promise<void> {
  if (reason === 'expired') return;
  const queued = members.filter(({ redemption }) => redemption === 'queued');
  const dropped = new Set(queued.map(({ position }) => position));
  if (dropped.size === 0) return;
  await rewrite(pool, batch, (now) =>
    now.flatMap(({ position, state }): Happening[] =>
      dropped.has(position) && state !== 'used' ? [{ position, redemption: 'dropped' }] : [],
    ),
  );
}

/** Which allocations a reason takes back. What was used is listed for a person, not taken. */
function selectionOf(scene: Scene, reason: RevocationReason): (member: Member) => boolean {
  const { batch, plan } = scene;
  const sent = new Set(reason === 'not_sent' ? positionsOf(batch.sent ?? '') : []);
  return ({ state, clearance, position }) => {
    if (state !== 'allocated') return false;
    switch (reason) {
      // An approval whose answer was lost may have been heard: its customer may be told of the reward.
      // What a check was answered true for is not taken back for lateness either.
      case 'deadline':
      case 'late':
        return clearance === 'none' || clearance === 'denied';
      // Of an approval whose answer was lost the executions have shown that it was not heard.
      case 'not_sent':
        if (clearance === 'denied') return true;
        return plan.notSent === 'revoke' && clearance === 'approved' && !sent.has(position);
      default:
        return true;
    }
  };
}

/** Members that may hold something although no answer said so. */
async function doubtfulPositions(scene: Scene): Promise<Set<number>> {
  const open = await openEffects(scene.pool, scene.campaign.ref, {
    batch: scene.batch.number,
    kinds: ['allocate', 'restore'],
  });
  const undecided = (position: number): boolean => {
    const state = scene.batch.members[position - 1]?.state;
    return state === 'screened' || state === 'validated' || state === 'lapsed';
  };
  return new Set(open.flatMap((effect) => effect.positions).filter(undecided));
}

export function revocationOrder(
  scene: Scene,
  members: Member[],
  kept: { reason: RevocationReason; repair?: string },
): Order<Map<string, 'revoked' | 'unknown'>> {
  const { campaign } = scene;
  const positions = members.map((member) => member.position);
  const key = effectKey(scene, 'revoke', positions, kept.repair);
  const state = kept.reason === 'expired' ? 'expired' : 'revoked';
  return {
    kind: 'revoke',
    key,
    positions,
    kept,
    call: scene.world.platform.revoke({
      key: `${campaign.campaignId}/${key}`,
      campaignId: campaign.campaignId,
      reason: kept.reason,
      revocations: members.map((member) => ({
        key: keyOf(scene, member),
        customerId: member.customerId,
      })),
    }),
    read: () =>
      members.map((member) => ({ position: member.position, state, reason: kept.reason })),
  };
}
