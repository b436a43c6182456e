import { clearConfirmed, unconfirmedPools } from '../ledger/claim-debts.ts';
import { readBatch } from '../ledger/columns.ts';
import type { Member } from '../ledger/packing.ts';
import { multirange, positionsOf } from '../ledger/positions.ts';
import { effectKey, type Order, perform } from './effect.ts';
import { customersOf } from './members.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';

/** UpdateCustomerPromotionStatus takes at most this many customers a call (API §7). */
const maxPerCall = 10_000;

/** By the number of a pool, the positions that are confirmed. */
type Pools = Record<string, string>;

/**
 * Confirms to Optimove who of the approved has claimed (guide: Advanced Activation Flow): one call for as many
 * pools as it takes, kept with the first of them, whose batch the scene has.
 */
export async function confirm(scene: Scene): Promise<Delivered> {
  const { pool, campaign, batch } = scene;
  await clearConfirmed(pool, campaign.ref, batch.number, false);
  const pools: Pools = {};
  const members: Member[] = [];
  for (const number of await unconfirmedPools(pool, campaign.ref, batch.number, maxPerCall)) {
    const held = (await membersOf(scene, number)).filter(
      ({ state, clearance }) =>
        (state === 'allocated' || state === 'used') && clearance === 'approved',
    );
    pools[number] = multirange(held.map(({ position }) => position));
    members.push(...held);
  }
  if (members.length === 0) {
    await clearConfirmed(pool, campaign.ref, batch.number, true);
    return undefined;
  }
  const performed = await perform(scene, confirmOrder(scene, members, { at: Date.now(), pools }));
  switch (performed.ended) {
    case 'done':
      await clearConfirmed(pool, campaign.ref, batch.number, false);
      return undefined;
    case 'stopped':
      return performed.why;
    case 'stale':
      return 'stale';
    default:
      throw performed.fault;
  }
}

/** The same customers with the same TimeStamp are the same confirmation. */
function confirmOrder(
  scene: Scene,
  members: readonly Member[],
  kept: { at: number; pools: Pools },
): Order<void> {
  const positions = scene.batch.members.map(({ position }) => position);
  return {
    kind: 'confirm',
    key: effectKey(scene, 'confirm', positions, JSON.stringify(kept.pools)),
    positions,
    kept,
    call: scene.world.optimove.reportStatus({
      campaignId: scene.campaign.campaignId,
      at: kept.at,
      customers: customersOf(members).map(({ customerId }) => ({ customerId, approved: true })),
    }),
    read: () => [],
  };
}

/** A confirmation whose answer was lost, to the letter. */
export async function repeatConfirmation(
  scene: Scene,
  kept: Record<string, unknown>,
): Promise<Order<void>> {
  const pools: Pools = {};
  const members: Member[] = [];
  for (const [number, positions] of Object.entries(kept['pools'] ?? {})) {
    pools[number] = String(positions);
    const confirmed = new Set(positionsOf(pools[number]));
    const all = await membersOf(scene, Number(number));
    members.push(...all.filter(({ position }) => confirmed.has(position)));
  }
  return confirmOrder(scene, members, { at: Number(kept['at']), pools });
}

async function membersOf(scene: Scene, number: number): Promise<Member[]> {
  if (number === scene.batch.number) return scene.batch.members;
  return (await readBatch(scene.pool, scene.campaign.ref, number))?.members ?? [];
}
