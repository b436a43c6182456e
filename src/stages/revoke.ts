import type { RevocationReason } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import { giveUpEffects, openEffects } from '../ledger/effects.ts';
import type { Happening, Member } from '../ledger/packing.ts';
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
  const members = scene.batch.members.filter(
    (member) => isSelected(member, reason) || doubtful.has(member.position),
  );
  const stopped = await takeBack(scene, members, reason);
  if (stopped) return stopped;
  // What was taken back needs no answer any more; left open, it would be looked for again for ever.
  await giveUpEffects(scene.pool, scene.campaign.ref, 'taken back', {
    batch: scene.batch.number,
    kinds: ['allocate'],
  });
  await record(scene.pool, scene.batch, scene.batch.members.flatMap(dropRedemption(reason)));
  return undefined;
}

/** Takes back what suppressed customers of a running campaign were given; all others keep theirs. */
export async function revokeSuppressed(scene: Scene): Promise<Delivered> {
  const members = scene.batch.members.filter(
    (member) => isMarkedSuppressed(member) && isSelected(member, 'suppressed'),
  );
  const stopped = await takeBack(scene, members, 'suppressed');
  if (stopped) return stopped;
  await record(scene.pool, scene.batch, members.flatMap(dropRedemption('suppressed')));
  return undefined;
}

async function takeBack(
  scene: Scene,
  members: Member[],
  reason: RevocationReason,
): Promise<Delivered> {
  const learned = await learnedSize(scene.pool, scene.campaign.tenant, 'platform');
  return deliver(scene, {
    farSide: 'platform',
    members,
    maxPerCall: Math.min(scene.world.platform.maxItemsPerCall, learned ?? Infinity),
    build: (piece) => revocationOrder(scene, piece, { reason }),
    // A platform that refuses to take back leaves the reward with the customer: a person must look.
    refuse: () => undefined,
  });
}

/** Redemptions that nobody has been told of are not told of what is taken back. */
function dropRedemption(reason: RevocationReason): (member: Member) => Happening[] {
  return (member) =>
    reason !== 'expired' && member.redemption === 'queued' && isSelected(member, reason)
      ? [{ position: member.position, redemption: 'dropped' }]
      : [];
}

/** Which allocations a reason takes back. What was used is listed for a person, not taken. */
function isSelected(member: Member, reason: RevocationReason): boolean {
  if (member.state !== 'allocated') return false;
  // An approval whose answer was lost may have been heard: its customer may be told of the reward.
  // What a check was answered true for is not taken back for lateness either.
  if (reason === 'deadline' || reason === 'late')
    return member.clearance === 'none' || member.clearance === 'denied';
  return true;
}

/** Members that may hold something although no answer said so. */
async function doubtfulPositions(scene: Scene): Promise<Set<number>> {
  const open = await openEffects(scene.pool, scene.campaign.ref, {
    batch: scene.batch.number,
    kinds: ['allocate'],
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
  kept: { reason: RevocationReason },
): Order<Map<string, 'revoked' | 'unknown'>> {
  const { campaign } = scene;
  const positions = members.map((member) => member.position);
  const key = effectKey(scene, 'revoke', positions);
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
