import type { Acting } from '../domain/act.ts';
import type { EffectKind } from '../domain/effect.ts';
import type { Repair } from '../domain/reconciliation.ts';
import { differencesOf, type Found, noteRepairs } from '../ledger/differences.ts';
import { openEffects } from '../ledger/effects.ts';
import type { Member } from '../ledger/packing.ts';
import { restore } from '../stages/restore.ts';
import { takeBackAgain } from '../stages/revoke.ts';
import type { Scene } from '../stages/scene.ts';
import type { Delivered } from '../stages/split.ts';
import { claimAndWalk } from './batch.ts';
import type { Examined } from './examination.ts';
import type { Activated } from './house.ts';

const byCall: readonly Repair[] = ['restore', 'revoke', 'expire'];
const kinds: EffectKind[] = ['revoke', 'restore'];

/** Also where a call of an earlier repair was never answered: what it did shows, and is written down. */
export async function hasToRepair(
  { pool }: Activated,
  { ref, batch }: Examined,
  found: readonly Found[],
): Promise<boolean> {
  if (found.some(({ repair }) => byCall.includes(repair))) return true;
  return (await openEffects(pool, ref, { batch, kinds })).length > 0;
}

/** Claims the batch, and does what its open differences ask for; written down, and audited, before. */
export async function repairBatch(
  house: Activated,
  { ref, batch, run }: Examined,
  acting: Acting,
  signal: AbortSignal,
): Promise<void> {
  const { pool } = house;
  await noteRepairs(pool, { campaign: ref, batch, run }, acting, byCall);
  await claimAndWalk(house, { ref, batch, signal }, kinds, async (scene) => {
    const open = await differencesOf(pool, ref, batch);
    const ids = new Map(open.map(({ position, id }) => [position, id]));
    const nameOf = (piece: Member[]) => piece.map(({ position }) => ids.get(position)).join(',');
    const membersOf = (repair: Repair): Member[] => {
      const places = new Set(open.flatMap((one) => (one.repair === repair ? [one.position] : [])));
      return scene.batch.members.filter(({ position }) => places.has(position));
    };
    return inOrder(scene, [
      () => takeBackAgain(scene, membersOf('revoke'), 'operator', nameOf),
      () => takeBackAgain(scene, membersOf('expire'), 'expired', nameOf),
      () => restore(scene, membersOf('restore'), nameOf),
    ]);
  });
}

async function inOrder(
  { signal }: Scene,
  works: readonly (() => Promise<Delivered>)[],
): Promise<Delivered> {
  for (const work of works) {
    signal.throwIfAborted();
    const stopped = await work();
    if (stopped) return stopped;
  }
  return undefined;
}
