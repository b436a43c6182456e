import { isFinal } from '../domain/assignment.ts';
import { claimPlan } from '../domain/campaign.ts';
import { record } from '../ledger/batches.ts';
import { type ClaimsEnding, finishClaims } from '../ledger/claim-debts.ts';
import { readBatch } from '../ledger/columns.ts';
import type { Member } from '../ledger/packing.ts';
import { allocate } from './allocate.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';
import { noQueue, validate } from './validate.ts';

/**
 * Walks a pool of claims through what is left of its stages, and finishes it where every claim has its end.
 * Whoever began it may be gone: a claim that was begun is brought to its end, and asking again tells it.
 */
export async function walkClaims(scene: Scene): Promise<Delivered> {
  const stopped = await giveClaimed(scene);
  if (stopped) return stopped;
  return finishWalked(await reread(scene));
}

/** Validates and allocates whoever is not there yet. */
export async function giveClaimed(scene: Scene): Promise<Delivered> {
  const plan = claimPlan(scene.plan);
  let walked: Scene = { ...scene, plan };
  for (const stage of plan.recipe) {
    const stopped = await (stage === 'validate' ? validate(walked, noQueue) : allocate(walked));
    if (stopped) return stopped;
    walked = await reread(walked);
  }
  return undefined;
}

/** What follows on claims that have come to their end: their redemptions, and their confirmation. */
export async function finishWalked(scene: Scene): Promise<undefined> {
  const { pool, batch } = scene;
  if (!batch.members.every(({ state }) => isFinal(state))) return;
  const ending = endingOf(scene, batch.members);
  await record(
    pool,
    batch,
    ending.redeemed.map((position) => ({ position, redemption: 'queued' })),
  );
  await finishClaims(pool, batch, ending);
}

/**
 * What follows on claims once all of them have their end: whose redemption is told to Promotions, a reward
 * that is active at once counting as activated when it was claimed, and whether Optimove hears of it.
 */
export function endingOf(
  { plan, campaign }: Scene,
  members: readonly Member[],
): ClaimsEnding & { redeemed: number[] } {
  const held = members.filter(
    ({ state, clearance }) => state === 'allocated' && clearance === 'approved',
  );
  const isReported = campaign.kind === 'scheduled' && plan.claims?.reportStatus === 'always';
  const redeemed = plan.claims?.recipe.includes('validate')
    ? held.flatMap(({ position, redemption }) => (redemption === 'none' ? position : []))
    : [];
  return {
    confirms: isReported && held.length > 0,
    redeemInMs: redeemed.length > 0 ? plan.redeemEveryMs : undefined,
    redeemed,
  };
}

/** The batch as the ledger has it now; the claim stays this attempt's own. */
export async function reread(scene: Scene): Promise<Scene> {
  const { pool, campaign, batch } = scene;
  const read = await readBatch(pool, campaign.ref, batch.number);
  if (!read) throw new Error(`Batch ${batch.number} is not in the ledger`);
  return { ...scene, batch: { ...read, token: batch.token } };
}
