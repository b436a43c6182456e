import { isFinal } from '../domain/assignment.ts';
import { claimPlan } from '../domain/campaign.ts';
import { finishClaims } from '../ledger/claim-debts.ts';
import { readBatch } from '../ledger/columns.ts';
import { allocate } from './allocate.ts';
import { queueRedemptions } from './redeem.ts';
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
  const { pool, batch, plan, campaign } = scene;
  if (!batch.members.every(({ state }) => isFinal(state))) return;
  if (plan.claims?.recipe.includes('validate')) await queueRedemptions(scene);
  const isReported = campaign.kind === 'scheduled' && plan.claims?.reportStatus === 'always';
  const isHeld = batch.members.some(({ state }) => state === 'allocated');
  await finishClaims(pool, batch, isReported && isHeld);
}

/** The batch as the ledger has it now; the claim stays this attempt's own. */
export async function reread(scene: Scene): Promise<Scene> {
  const { pool, campaign, batch } = scene;
  const read = await readBatch(pool, campaign.ref, batch.number);
  if (!read) throw new Error(`Batch ${batch.number} is not in the ledger`);
  return { ...scene, batch: { ...read, token: batch.token } };
}
