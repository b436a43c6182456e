import { performance } from 'node:perf_hooks';
import { permitMs } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import { begin, markUnknown, openEffects, settle, settleWithin } from '../ledger/effects.ts';
import type { Member } from '../ledger/packing.ts';
import { transaction } from '../ledger/pool.ts';
import { redemptionsQueuedAtAll, toldUses } from '../ledger/redemptions.ts';
import type { Permit, RedemptionReport, SlotRequest, Taken } from '../world.ts';
import { promocodesOf } from './allocate.ts';
import { type Diary, openDiary } from './diary.ts';
import { intentOf, type Order, rankOf } from './effect.ts';
import { queuedMembers, redemptionOrder, redemptionsOf, type Words } from './redeem.ts';
import type { Scene } from './scene.ts';

/** The redemptions of one pool: an effect of its own, which shares its call with those of others. */
interface Part {
  scene: Scene;
  members: Member[];
  words: Words;
  order: Order<void>;
}

type Started = Part & { effect: number; slot: number | undefined; diary: Diary };

/** Not every pool can go in one call just now: each is to be redeemed by itself. */
class Apart extends Error {}

/**
 * Tells Promotions of the queued redemptions of many small pools of one campaign in one call. Each pool has
 * its own effect, with the key and the hash that it would have alone: whatever becomes of the call, it can
 * be found out about, or repeated, pool by pool. The effects begin in one commit, and one slot is theirs.
 * `apart`: they must go one by one. Throws a Fault where a repeat may help.
 */
export async function redeemTogether(scenes: readonly Scene[]): Promise<'told' | 'apart'> {
  const parts = await partsOf(scenes);
  const [first] = parts;
  if (!first) return 'told';
  const { scene } = first;
  const { promotions } = scene.world;
  if (!promotions) throw new Error('This tenant has no Promotions');
  if (await mustGoApart(parts)) return 'apart';
  const call = promotions.redeem(parts.flatMap(reportsOf));
  let started: Started[];
  let permit: Permit;
  try {
    ({ started, permit } = await scene.turns.next(
      call.limit,
      rankOf(scene, first.order),
      (slot) => beginAll(parts, slot),
      scene.signal,
    ));
  } catch (error) {
    if (error instanceof Apart) return 'apart';
    throw error;
  }
  try {
    await call.send(permit);
  } catch (error) {
    return failed(started, error);
  }
  await transaction(scene.pool, async (connection) => {
    for (const { scene: own, order, effect, slot } of started) {
      const settlement = { effect, slot, outcome: 'done', happenings: order.read() } as const;
      await settleWithin(connection, own.batch, settlement);
    }
  });
  for (const { diary } of started) diary.done();
  return 'told';
}

async function partsOf(scenes: readonly Scene[]): Promise<Part[]> {
  const [first] = scenes;
  if (!first) return [];
  const { pool, campaign } = first;
  const numbers = scenes.map(({ batch }) => batch.number);
  const queuedAt = await redemptionsQueuedAtAll(pool, campaign.ref, numbers);
  const told = await toldUses(pool, campaign.ref, numbers);
  const promocodes = await promocodesOf(first, scenes.flatMap(queuedMembers));
  return scenes.flatMap((scene): Part[] => {
    const { number } = scene.batch;
    const members = queuedMembers(scene);
    if (members.length === 0) return [];
    const at = queuedAt.get(number) ?? Date.now();
    const words = { promocodes, told: told.get(number) };
    return [{ scene, members, words, order: redemptionOrder(scene, members, { at }, words) }];
  });
}

/**
 * Redemptions whose answer was lost are repeated first where others were queued since, because all in one call
 * would be another one; and a code that nobody has asked Promotions for is asked for first.
 */
async function mustGoApart(parts: readonly Part[]): Promise<boolean> {
  const [first] = parts;
  if (!first) return false;
  const { pool, campaign } = first.scene;
  const keys = new Map(parts.map(({ scene, order }) => [scene.batch.number, order.key]));
  const kinds = ['redeem', 'redeem_used'] as const;
  const lost = await openEffects(pool, campaign.ref, { kinds });
  if (lost.some(({ batch, key }) => keys.has(batch) && keys.get(batch) !== key)) return true;
  return parts.some(({ members, words }) =>
    members.some(({ promoCode }) => !words.promocodes.has(promoCode)),
  );
}

function reportsOf({ scene, members, words, order }: Part): RedemptionReport[] {
  return redemptionsOf(scene, members, { at: Number(order.kept['at']) }, words);
}

/** All or none; the slot is asked for last, as the order of locks wants it. */
async function beginAll(
  parts: readonly Part[],
  request: SlotRequest | undefined,
): Promise<Taken<{ started: Started[]; permit: Permit }>> {
  const [first] = parts;
  if (!first) throw new Error('Nothing is to be begun');
  const askedAt = performance.now();
  const permit = { until: askedAt + permitMs };
  let retryInMs: number | undefined;
  // In one order, so that two who begin many never wait for each other in a ring.
  const ordered = parts.toSorted((a, b) => a.scene.batch.number - b.scene.batch.number);
  const begun = await transaction(first.scene.pool, async (connection) => {
    const effects: { effect: number; slot: number | undefined }[] = [];
    for (const [index, { scene, order }] of ordered.entries()) {
      const slot = index === ordered.length - 1 ? request : undefined;
      const beginning = await begin(connection, intentOf(scene, order), slot);
      if (beginning.verdict === 'wait') {
        retryInMs = beginning.waitMs;
        throw new Apart();
      }
      if (beginning.verdict !== 'begun') throw new Apart();
      effects.push(beginning);
    }
    return effects;
  }).catch((error: unknown) => {
    if (retryInMs !== undefined) return undefined;
    throw error;
  });
  if (!begun) return { taken: false, retryInMs: retryInMs ?? 0 };
  const started = ordered.flatMap((part, index): Started[] => {
    const own = begun[index];
    if (!own) return [];
    const diary = openDiary(part.scene, { ...part.order, effect: own.effect });
    diary.began(performance.now() - askedAt);
    return [{ ...part, ...own, diary }];
  });
  return { taken: true, value: { started, permit } };
}

async function failed(started: readonly Started[], error: unknown): Promise<'apart'> {
  const fault =
    error instanceof Fault ? error : new Fault('unknown', String(error), { cause: error });
  const isRefused = fault.kind === 'refused' || fault.kind === 'too_large';
  const isUnknown = fault.kind === 'unknown' || fault.kind === 'malformed';
  for (const { scene, order, effect, slot, diary } of started) {
    diary.failed(fault);
    const facts = { effect, slot, detail: fault.message, happenings: order.lost ?? [] };
    if (isUnknown) await markUnknown(scene.pool, scene.batch, facts);
    else {
      const outcome = isRefused ? 'refused' : 'not_sent';
      await settle(scene.pool, scene.batch, { ...facts, outcome });
    }
  }
  if (isRefused) return 'apart';
  const [first] = started;
  const limit = first?.order.call.limit;
  if (fault.status === 429 && limit) {
    await first.scene.turns.pause(limit, fault.retryAfterMs ?? 1_000);
  }
  throw fault;
}
