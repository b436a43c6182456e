import { inactivePromotionAlert } from '../domain/alert.ts';
import type { Said } from '../domain/check.ts';
import { noCode } from '../domain/words.ts';
import { raiseAlert } from '../ledger/alerts.ts';
import { record } from '../ledger/batches.ts';
import { forgetUnknownCode, knownCode, noteInactive, rememberCode } from '../ledger/codes.ts';
import type { OpenEffect } from '../ledger/effects.ts';
import { holdByGuard, releasedOf } from '../ledger/guards.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { learnedSize } from '../ledger/tenants.ts';
import type { Promocode, Promotions, Validation, ValidationOutcome } from '../world.ts';
import { effectKey, type Order } from './effect.ts';
import { readingOf } from './members.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';

/** The batch among all that validate the same promo codes, whose budgets go to whoever comes first. */
export interface CodeQueue {
  /** These codes are what the batch has yet to validate: nobody waits for its others. */
  standsFor(promoCodes: readonly string[]): Promise<void>;
  /** Waits until every batch below is done with this code. */
  comes(promoCode: string): Promise<void>;
}

/** For members whom no order binds: whoever comes first is first. */
export const noQueue: CodeQueue = { standsFor: async () => {}, comes: async () => {} };

/**
 * Asks Promotions who is eligible for which reward, one call a code and ten thousand customers. The
 * call may consume budget and has no key of its own: a lost answer is recovered by reading, see recover.
 */
export async function validate(scene: Scene, queue: CodeQueue): Promise<Delivered> {
  const screened = scene.batch.members.filter(
    (member) => member.state === 'screened' && member.promoCode !== noCode,
  );
  const learned = await learnedSize(scene.pool, scene.campaign.tenant, 'promotions');
  const byCode = Map.groupBy(screened, (member) => member.promoCode);
  const promocodes = new Map<string, Promocode | undefined>();
  const codes = [...byCode.keys()];
  await queue.standsFor(codes);
  const [first] = codes;
  if (first === undefined) return undefined;
  // Behind the batches below, of which the first has found out about the codes for all.
  await queue.comes(first);
  for (const code of codes) promocodes.set(code, await findPromocode(scene, code));
  if (await holdForUnknown(scene, promocodes)) return 'held';
  for (const [code, members] of byCode) {
    const promocode = promocodes.get(code);
    const stopped = promocode
      ? await validateCode(scene, queue, { code, promocode, members, learned })
      : await refuseUnknown(scene, members);
    if (stopped) return stopped;
    await queue.standsFor(codes.slice(codes.indexOf(code) + 1));
  }
  return undefined;
}

async function refuseUnknown(scene: Scene, members: Member[]): Promise<undefined> {
  const refusals = members.map((member) => refused(member, 'unknown_promo_code'));
  await record(scene.pool, scene.batch, refusals);
}

async function validateCode(
  scene: Scene,
  queue: CodeQueue,
  of: { code: string; promocode: Promocode; members: Member[]; learned: number | undefined },
): Promise<Delivered> {
  const { code, promocode, members, learned } = of;
  const inactive = new Set<string>();
  await queue.comes(code);
  const stopped = await deliver(scene, {
    farSide: 'promotions',
    items: members,
    maxPerCall: Math.min(promotionsOf(scene).maxCustomersPerCall, learned ?? Infinity),
    build: (piece) => validationOrder(scene, promocode, piece, inactive),
    refuse: (member, fault) => refused(member, `promotions_refused: ${fault.message}`),
  });
  await alertInactive(scene, code, inactive.size);
  return stopped;
}

/**
 * Where the tenant says so, a code that Promotions does not know holds the campaign, before anything of
 * the batch is spent. It is asked for anew after the release, and refused if it is still not there.
 */
async function holdForUnknown(
  scene: Scene,
  promocodes: ReadonlyMap<string, Promocode | undefined>,
): Promise<boolean> {
  const { pool, campaign } = scene;
  if (promotionsOf(scene).unknownCodes !== 'hold') return false;
  const { codes: released = [] } = await releasedOf(pool, campaign.ref);
  const codes = [...promocodes].flatMap(([code, promocode]) =>
    promocode || released.includes(code) ? [] : [code],
  );
  if (codes.length === 0) return false;
  for (const code of codes) await forgetUnknownCode(pool, campaign.tenant, code);
  const names = codes.length === 1 ? `promo code ${codes[0]}` : `promo codes ${codes.join(', ')}`;
  const reason = `Promotions does not know the ${names}`;
  await holdByGuard(scene, campaign, reason, { codes });
  return true;
}

/** What Promotions says of customers of a promotion that was deactivated (API §10.1). */
const inactiveReason = 'promotion_inactive';

/** A promotion deactivated half way refuses the rest: one alert a campaign and code. */
export async function alertInactive(scene: Scene, code: string, customers: number): Promise<void> {
  if (customers === 0 || !(await noteInactive(scene.pool, scene.campaign.ref, code))) return;
  await raiseAlert(scene, inactivePromotionAlert(scene.campaign, code));
}

/** Asks for members of one code; `inactive` is told of whose promotion was found inactive. */
export function validationOrder(
  scene: Scene,
  promocode: Promocode,
  members: Member[],
  inactive: Set<string>,
): Order<Map<string, ValidationOutcome>> {
  const positions = members.map((member) => member.position);
  return {
    kind: 'validate',
    key: effectKey(scene, 'validate', positions),
    positions,
    kept: { ...promocode },
    call: promotionsOf(scene).validate({
      campaignId: scene.campaign.campaignId,
      seriesId: scene.batch.said?.seriesId,
      ...(scene.campaign.kind === 'triggered' && { isTriggered: true }),
      ...channelOf(scene.batch.said),
      ...sessionOf(scene, members),
      promocodeId: promocode.promocodeId,
      customerIds: members.map((member) => member.customerId),
    }),
    read: (answer) =>
      members.map((member): Happening => {
        const outcome = answer.get(member.customerId);
        if (!outcome) throw new Error('The adapter let an answer pass that leaves a customer out');
        if (outcome.eligible) {
          return { position: member.position, state: 'rewarded', rewards: outcome.rewards };
        }
        if (outcome.reason === inactiveReason) inactive.add(member.customerId);
        return refused(member, outcome.reason);
      }),
  };
}

/** A call names one channel (API §10.5): the first that the checks named. */
function channelOf(said: Said | undefined): { channelId?: string } {
  const [channelId] = said?.channelIds ?? [];
  return channelId === undefined ? {} : { channelId };
}

/** What is true of this moment: the customer's attributes and the event's values, or what a claim tells. */
function sessionOf(
  { met, batch }: Scene,
  members: readonly Member[],
): Pick<Validation, 'sessionProperties'> {
  const claimed = new Map(Object.entries(batch.said?.session ?? {}));
  const told = members.flatMap(({ customerId }) => {
    const { attributes, event } = met?.get(customerId) ?? {};
    const values = { ...attributes, ...event, ...claimed.get(customerId) };
    return Object.keys(values).length > 0 ? [[customerId, values] as const] : [];
  });
  return told.length > 0 ? { sessionProperties: new Map(told) } : {};
}

/**
 * What became of a validation whose answer was lost, by Customer Assignment: who has an award was
 * validated, who has none is asked again. Where awards do not show validations, its members lapse.
 */
export async function recoverValidation(
  scene: Scene,
  effect: OpenEffect,
  members: Member[],
): Promise<Happening[]> {
  const promotions = promotionsOf(scene);
  if (promotions.recovery === 'lapse') {
    return members.map((member) => ({
      position: member.position,
      state: 'lapsed',
      reason: 'validation_answer_lost',
    }));
  }
  const awards = await promotions.assignments(
    {
      campaignId: scene.campaign.campaignId,
      promocodeId: String(effect.kept['promocodeId']),
      customerIds: members.map((member) => member.customerId),
    },
    readingOf(scene),
  );
  return members.flatMap((member): Happening[] => {
    const rewards = awards.get(member.customerId);
    if (!rewards || rewards.length === 0) return [];
    return [{ position: member.position, state: 'rewarded', rewards }];
  });
}

/** The promocode of a code: from the ledger, else asked of Promotions once. */
export async function findPromocode(scene: Scene, code: string): Promise<Promocode | undefined> {
  const { pool, campaign } = scene;
  const known = await knownCode(pool, campaign.tenant, code);
  if (known === 'none') return undefined;
  if (known) return known;
  const found = await promotionsOf(scene).promocode(code, readingOf(scene));
  await rememberCode(pool, campaign.tenant, code, found);
  return found;
}

function refused(member: Member, reason: string): Happening {
  return { position: member.position, state: 'refused', reason };
}

/** A recipe names validation only for tenants with Promotions. */
function promotionsOf(scene: Scene): Promotions {
  if (!scene.world.promotions) throw new Error('This tenant has no Promotions');
  return scene.world.promotions;
}
