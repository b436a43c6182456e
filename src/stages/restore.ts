import { record } from '../ledger/batches.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { learnedSize } from '../ledger/tenants.ts';
import type { AllocationOutcome } from '../world.ts';
import {
  allocated,
  allocationCall,
  outcomeOf,
  promocodesOf,
  recoverAllocation,
} from './allocate.ts';
import { effectKey, type Order } from './effect.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';

/**
 * Gives again, under the assignments' own keys, what was approved and the platform does not hold: a key that gave
 * before gives nothing new. Nothing is given after the rewards' end. `repairOf` names the differences that a call
 * mends: the same differences have the same call, found again they have another.
 */
export async function restore(
  scene: Scene,
  members: Member[],
  repairOf: (piece: Member[]) => string,
): Promise<Delivered> {
  const { pool, batch, campaign, world } = scene;
  const expiresAt = batch.expiresAt ?? campaign.expiresAt;
  const given = members.filter(isRestorable);
  if (expiresAt === undefined || expiresAt <= Date.now() || given.length === 0) return undefined;
  await record(
    pool,
    batch,
    given.map(({ position }) => ({ position, state: 'reopened_rewarded' })),
  );
  const promocodes = await promocodesOf(scene, given);
  const learned = await learnedSize(pool, campaign.tenant, 'platform');
  return deliver(scene, {
    farSide: 'platform',
    items: given,
    maxPerCall: Math.min(world.platform.maxItemsPerCall, learned ?? Infinity),
    build: (piece) => {
      const positions = piece.map(({ position }) => position);
      const kept = { expiresAt, repair: repairOf(piece) };
      const key = effectKey(scene, 'restore', positions, kept.repair);
      const order: Order<Map<string, AllocationOutcome>> = {
        ...{ kind: 'restore', key, positions, kept },
        call: allocationCall(scene, piece, { key, expiresAt }, promocodes),
        read: (answer) =>
          piece.map((member) => restored(allocated(member, outcomeOf(scene, member, answer)))),
      };
      return order;
    },
    // It stays a difference: a person must look.
    refuse: () => undefined,
  });
}

/** Whoever was approved and holds nothing, or is said to hold it. */
function isRestorable({ state, clearance, rewards }: Member): boolean {
  if (state === 'allocated') return true;
  if (clearance !== 'approved') return false;
  return (
    state === 'screened' || state === 'validated' || (state === 'lapsed' && rewards.length > 0)
  );
}

/** What became of a restoration whose answer was lost: the platform knows by key. */
export async function recoverRestoration(scene: Scene, members: Member[]): Promise<Happening[]> {
  return (await recoverAllocation(scene, members)).map(restored);
}

/** What the platform will not give any more is not held, whatever the ledger said. */
function restored(happening: Happening): Happening {
  return happening.state === 'declined' ? { ...happening, state: 'revoked' } : happening;
}
