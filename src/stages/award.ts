import { cut } from '../domain/batching.ts';
import { noCode } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import { awaitAwards } from '../ledger/grant-pools.ts';
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
