import { isFinal } from '../domain/assignment.ts';
import { record } from '../ledger/batches.ts';
import { readBatch } from '../ledger/columns.ts';
import { abandonEffects } from '../ledger/overdue.ts';
import { finishPool } from '../ledger/pools.ts';
import { revoke } from './revoke.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';

/**
 * Brings a pool of checks to its end once its time is over: whatever was given, or may have been, to a
 * customer who was told false is taken back; the rest lapses. The batch has been claimed, so that an older
 * attempt begins nothing any more. Safe to run again.
 */
export async function endPool(scene: Scene): Promise<Delivered> {
  const { pool, campaign, batch } = scene;
  const stopped = await revoke(scene, 'late');
  if (stopped) return stopped;
  const now = await readBatch(pool, campaign.ref, batch.number);
  const members = now?.members ?? [];
  await record(
    pool,
    batch,
    members
      .filter(({ state }) => !isFinal(state))
      .map(({ position }) => ({ position, state: 'lapsed', reason: 'late' }) as const),
  );
  // An allocation still on the wire finds its key barred; an answer that comes later changes nothing.
  await abandonEffects(pool, campaign.ref, batch.number);
  const isLeft = members.some(
    ({ state, clearance }) => state === 'allocated' && clearance !== 'approved',
  );
  if (!isLeft) await finishPool(pool, campaign.ref, batch.number);
  return undefined;
}
