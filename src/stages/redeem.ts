import { v5 as uuidV5 } from 'uuid';
import { cut } from '../domain/batching.ts';
import { record } from '../ledger/batches.ts';
import type { Member } from '../ledger/packing.ts';
import { markRedemptionsDue, redemptionsQueuedAt } from '../ledger/redemptions.ts';
import type { Promocode, RedemptionReport } from '../world.ts';
import { keyOf, promocodesOf } from './allocate.ts';
import { effectKey, type Order } from './effect.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';
import { namespace } from './upload.ts';

/** Promotions takes at most this many redemptions a call (API §10.7). */
export const maxPerCall = 1_000;

/**
 * Queues the redemption of everything approved: a reward that is active at once counts as activated
 * when its customer is cleared. The calls themselves are a debt that settlement pays, so that no batch
 * waits for them.
 */
export async function queueRedemptions(scene: Scene): Promise<Delivered> {
  const due = scene.batch.members.filter(
    (member) =>
      member.state === 'allocated' &&
      member.clearance === 'approved' &&
      member.redemption === 'none',
  );
  if (due.length === 0) return undefined;
  await record(
    scene.pool,
    scene.batch,
    due.map((member) => ({ position: member.position, redemption: 'queued' })),
  );
  await markRedemptionsDue(scene.pool, scene.batch, scene.plan.redeemEveryMs);
  return undefined;
}

/** Tells Promotions of the queued redemptions of one batch. */
export async function redeem(scene: Scene): Promise<Delivered> {
  const queued = scene.batch.members.filter(
    (member) => member.redemption === 'queued' && member.state === 'allocated',
  );
  const promocodes = await promocodesOf(scene, queued);
  const at = await redemptionsQueuedAt(scene.pool, scene.batch);
  for (const piece of cut(queued, maxPerCall)) {
    const stopped = await deliver(scene, {
      farSide: 'promotions',
      members: piece,
      maxPerCall,
      build: (members) => redemptionOrder(scene, members, { at }, promocodes),
      refuse: (member) => ({ position: member.position, redemption: 'dropped' }),
    });
    if (stopped) return stopped;
  }
  return undefined;
}

/** What Promotions is told of these members; the same in whichever call. */
export function redemptionsOf(
  scene: Scene,
  members: readonly Member[],
  { at }: { at: number },
  promocodes: ReadonlyMap<string, Promocode>,
): RedemptionReport[] {
  return members.map((member) => ({
    redemptionId: uuidV5(`${scene.campaign.tenant}/${keyOf(scene, member)}`, namespace),
    customerId: member.customerId,
    campaignId: scene.campaign.campaignId,
    seriesId: undefined,
    promocodeId: promocodes.get(member.promoCode)?.promocodeId,
    promotionId: promocodes.get(member.promoCode)?.promotionId,
    redeemedAt: at,
    rewards: member.rewards,
  }));
}

export function redemptionOrder(
  scene: Scene,
  members: Member[],
  kept: { at: number },
  promocodes: Map<string, Promocode>,
): Order<void> {
  const { promotions } = scene.world;
  if (!promotions) throw new Error('This tenant has no Promotions');
  const positions = members.map((member) => member.position);
  return {
    kind: 'redeem',
    key: effectKey(scene, 'redeem', positions),
    positions,
    kept,
    lowest: true,
    call: promotions.redeem(redemptionsOf(scene, members, kept, promocodes)),
    read: () => members.map((member) => ({ position: member.position, redemption: 'told' })),
  };
}
