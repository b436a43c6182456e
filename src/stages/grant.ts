import { isFinal } from '../domain/assignment.ts';
import type { Stage } from '../domain/flow.ts';
import { record } from '../ledger/batches.ts';
import { readBatch } from '../ledger/columns.ts';
import { finishGrants, metIn } from '../ledger/grant-pools.ts';
import type { Happening } from '../ledger/packing.ts';
import { markRedemptionsDue } from '../ledger/redemptions.ts';
import { allocate } from './allocate.ts';
import { award } from './award.ts';
import type { Scene } from './scene.ts';
import { screen } from './screen.ts';
import type { Delivered } from './split.ts';
import { noQueue, validate } from './validate.ts';

/** How a pool of events 11 is given. */
export interface Granting {
  /** Its campaign's plan says whether anything is given before the claim. */
  recipe: Stage[];
  /** `awards`: Promotions has decided before the event came, and is asked whom it gave what. */
  by: 'validation' | 'awards';
}

/**
 * Gives what a pool of events 11 is to give: screen ▸ validate, or read the awards ▸ allocate ▸ queue
 * the redemptions. Each stage goes on where it stopped, so that the pool can be walked again at any time.
 */
export async function grant(scene: Scene, { recipe, by }: Granting): Promise<Delivered> {
  const { pool, campaign, batch } = scene;
  const met = await metIn(pool, campaign.ref, batch.number);
  const validating = by === 'awards' ? award : (own: Scene) => validate(own, noQueue);
  const stages = [
    screen,
    ...(recipe.includes('validate') ? [validating] : []),
    ...(recipe.includes('allocate') ? [allocate] : []),
  ];
  let own: Scene = { ...scene, met, plan: { ...scene.plan, recipe } };
  for (const stage of stages) {
    const stopped = await stage(own);
    if (stopped) return stopped;
    own = await reread(own);
  }
  await close(own);
  return undefined;
}

/** Whoever was given it counts as told: Optimove sent the campaign before it told us. */
async function close(scene: Scene): Promise<void> {
  const { pool, campaign, batch, world, plan } = scene;
  const isClaimed = !plan.recipe.includes('allocate');
  const held = isClaimed ? 'screened' : 'allocated';
  const isRedeemed = world.promotions !== undefined && !isClaimed;
  const given = batch.members.filter(
    ({ state, clearance }) => state === held && clearance === 'none',
  );
  if (isRedeemed && batch.members.some(({ state }) => state === held)) {
    await markRedemptionsDue(pool, batch, plan.redeemEveryMs);
  }
  await record(
    pool,
    batch,
    given.map(
      ({ position }): Happening => ({
        ...{ position, clearance: 'told_true' },
        ...(isRedeemed && { redemption: 'queued' }),
      }),
    ),
  );
  if (batch.members.every(({ state }) => isFinal(state) || state === held)) {
    await finishGrants(pool, campaign.ref, batch.number);
  }
}

/** The batch as the ledger has it now; the claim stays this attempt's own. */
async function reread(scene: Scene): Promise<Scene> {
  const { pool, campaign, batch } = scene;
  const read = await readBatch(pool, campaign.ref, batch.number);
  if (!read) throw new Error(`Batch ${batch.number} is not in the ledger`);
  return { ...scene, batch: { ...read, token: batch.token } };
}
