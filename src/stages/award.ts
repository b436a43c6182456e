import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { cut } from '../domain/batching.ts';
import { noCode } from '../domain/words.ts';
import { hasRewards, record } from '../ledger/batches.ts';
import { awaitAwards, awardsLagMs } from '../ledger/grant-pools.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import type { Promotions } from '../world.ts';
import { readingOf } from './members.ts';
import type { Scene } from './scene.ts';
import { findPromocode } from './validate.ts';

/**
 * The auto flow: Promotions decided when the trigger was met, and Customer Assignment tells the awards of
 * these customers and this occurrence (API §10.6). It only reads, so asking twice is harmless, and an award
 * that does not show is asked for again for a while: reads may lag behind their event (API §3, §6.2).
 */
export async function award(scene: Scene): Promise<undefined> {
  const { promotions } = scene.world;
  if (!promotions) throw new Error('This tenant has no Promotions');
  const screened = scene.batch.members.filter(
    (member) => member.state === 'screened' && member.promoCode !== noCode,
  );
  const happenings: Happening[] = [];
  for (const [code, members] of Map.groupBy(screened, ({ promoCode }) => promoCode)) {
    for (const piece of cut(members, promotions.maxCustomersPerCall)) {
      happenings.push(...(await awardsOf(scene, promotions, code, piece)));
    }
  }
  const shown = happenings.filter(({ reason }) => reason !== notAwarded);
  const { campaign, number } = scene.batch;
  const isAwaited =
    shown.length < happenings.length && (await awaitAwards(scene.pool, campaign, number));
  await record(scene.pool, scene.batch, isAwaited ? shown : happenings);
}

/**
 * The same once Optimove has sent a scheduled campaign (guides: Auto Flow; OptiPromo Process, flow 2). Awards may
 * show a while after event 13; as soon as any of the campaign do, whoever has none was given none.
 */
export async function awardExecuted(scene: Scene): Promise<undefined> {
  const { promotions } = scene.world;
  if (!promotions) throw new Error('This tenant has no Promotions');
  const waiting = scene.batch.members.filter(
    ({ state, promoCode }) =>
      (state === 'screened' || state === 'published') && promoCode !== noCode,
  );
  const giveUpAt = performance.now() + awardsLagMs;
  for (;;) {
    const happenings: Happening[] = [];
    for (const [code, members] of Map.groupBy(waiting, ({ promoCode }) => promoCode)) {
      for (const piece of cut(members, promotions.maxCustomersPerCall)) {
        happenings.push(...(await awardsOf(scene, promotions, code, piece)));
      }
    }
    const isShown = happenings.some(({ state }) => state === 'rewarded');
    const isEnough = isShown || happenings.length === 0 || performance.now() >= giveUpAt;
    if (isEnough || (await hasRewards(scene.pool, scene.campaign.ref))) {
      await record(scene.pool, scene.batch, happenings);
      return;
    }
    await delay(lookAgainMs, undefined, { signal: scene.signal });
  }
}

const lookAgainMs = 5_000;

const notAwarded = 'not_awarded';

async function awardsOf(
  scene: Scene,
  promotions: Promotions,
  code: string,
  members: readonly Member[],
): Promise<Happening[]> {
  const promocode = await findPromocode(scene, code);
  const refuseAs = (reason: string) => (position: number) =>
    ({ position, state: 'refused', reason }) as const;
  if (!promocode) return members.map(({ position }) => refuseAs('unknown_promo_code')(position));
  const awards = await promotions.assignments(
    {
      campaignId: scene.campaign.campaignId,
      promocodeId: promocode.promocodeId,
      customerIds: members.map(({ customerId }) => customerId),
    },
    readingOf(scene),
  );
  return members.map(({ position, customerId }): Happening => {
    const rewards = awards.get(customerId) ?? [];
    return rewards.length > 0
      ? { position, state: 'rewarded', rewards }
      : refuseAs(notAwarded)(position);
  });
}
