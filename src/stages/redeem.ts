import { v5 as uuidV5 } from 'uuid';
import { cut } from '../domain/batching.ts';
import type { Reward } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import { type OpenEffect, settle } from '../ledger/effects.ts';
import type { Member } from '../ledger/packing.ts';
import {
  markRedemptionsDue,
  redemptionsQueuedAt,
  type Told,
  toldUses,
} from '../ledger/redemptions.ts';
import type { Promocode, RedemptionReport } from '../world.ts';
import { keyOf } from './allocate.ts';
import { effectKey, type Order, type Performed, perform } from './effect.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';
import { namespace } from './upload.ts';
import { findPromocode } from './validate.ts';

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
      (member.clearance === 'approved' || member.clearance === 'delegated') &&
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

/** Tells Promotions of the queued redemptions of one batch, but of none whose code it does not know. */
export async function redeem(scene: Scene): Promise<Delivered> {
  const queued = queuedMembers(scene);
  const words = await wordsOf(scene, queued);
  const at = await redemptionsQueuedAt(scene.pool, scene.batch);
  const known = queued.filter(({ promoCode }) => words.promocodes.has(promoCode));
  await record(
    scene.pool,
    scene.batch,
    queued.flatMap(({ position, promoCode }) =>
      words.promocodes.has(promoCode) ? [] : { position, redemption: 'dropped' as const },
    ),
  );
  for (const piece of cut(known, maxPerCall)) {
    const stopped = await deliver(scene, {
      farSide: 'promotions',
      items: piece,
      maxPerCall,
      build: (members) => redemptionOrder(scene, members, { at }, words),
      refuse: (member) => ({ position: member.position, redemption: 'dropped' }),
    });
    if (stopped) return stopped;
  }
  return undefined;
}

/** Whose redemptions are to be told. What a fenced campaign gave is taken back, unless it was used. */
export function queuedMembers({ batch, campaign }: Scene): Member[] {
  return batch.members.filter(
    ({ redemption, state }) =>
      redemption === 'queued' &&
      (state === 'used' || (state === 'allocated' && campaign.fence === undefined)),
  );
}

/** What redemptions are told by, besides their members. */
export interface Words {
  promocodes: ReadonlyMap<string, Promocode>;
  /** What was queued because it was used, as the platform told it; by position. */
  told: ReadonlyMap<number, Told> | undefined;
}

/** A code that was given without being validated may not have been asked for yet. */
async function wordsOf(scene: Scene, members: readonly Member[]): Promise<Words> {
  const { number } = scene.batch;
  const promocodes = new Map<string, Promocode>();
  for (const code of new Set(members.map(({ promoCode }) => promoCode))) {
    const promocode = await findPromocode(scene, code);
    if (promocode) promocodes.set(code, promocode);
  }
  const told = await toldUses(scene.pool, scene.campaign.ref, [number]);
  return { promocodes, told: told.get(number) };
}

/**
 * What Promotions is told of these members; the same in whichever call. What was used is told in the words of
 * the platform, unless its redemption had been queued before: then it was told, or may have been, in ours.
 */
export function redemptionsOf(
  scene: Scene,
  members: readonly Member[],
  { at }: { at: number },
  { promocodes, told }: Words,
): RedemptionReport[] {
  return members.map((member) => {
    const use = told?.get(member.position);
    return {
      redemptionId:
        use?.redemptionId ?? uuidV5(`${scene.campaign.tenant}/${keyOf(scene, member)}`, namespace),
      customerId: member.customerId,
      campaignId: scene.campaign.campaignId,
      seriesId: undefined,
      promocodeId: promocodes.get(member.promoCode)?.promocodeId,
      promotionId: promocodes.get(member.promoCode)?.promotionId,
      redeemedAt: use?.usedAt ?? at,
      rewards: rewardsOf(use?.rewards ?? member.rewards, use?.code),
    };
  });
}

function rewardsOf(rewards: Reward[], code: string | undefined): Reward[] {
  return code === undefined ? rewards : rewards.map((reward) => ({ ...reward, code }));
}

export function redemptionOrder(
  scene: Scene,
  members: Member[],
  kept: { at: number },
  words: Words,
): Order<void> {
  const { promotions } = scene.world;
  if (!promotions) throw new Error('This tenant has no Promotions');
  const kind = scene.campaign.fence === undefined ? 'redeem' : 'redeem_used';
  const positions = members.map((member) => member.position);
  return {
    kind,
    key: effectKey(scene, kind, positions),
    positions,
    kept,
    lowest: true,
    call: promotions.redeem(redemptionsOf(scene, members, kept, words)),
    read: () => members.map((member) => ({ position: member.position, redemption: 'told' })),
  };
}

/**
 * Sends redemptions again whose answer was lost, to the letter. What was sent before the fence of its campaign may
 * hold what is being taken back, and is given up: what was used of it is then told by itself, in the same words.
 */
export async function repeatRedemptions(
  scene: Scene,
  { effect, kind, kept }: OpenEffect,
  members: Member[],
): Promise<Performed> {
  const { pool, batch, campaign } = scene;
  if (kind === 'redeem' && campaign.fence !== undefined) {
    const detail = 'its campaign was canceled before it could be repeated';
    await settle(pool, batch, {
      ...{ effect, slot: undefined, outcome: 'given_up', detail },
      happenings: [],
    });
    return { ended: 'done' };
  }
  const words = await wordsOf(scene, members);
  return perform(scene, redemptionOrder(scene, members, { at: Number(kept['at']) }, words));
}
