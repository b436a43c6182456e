import { v5 as uuidV5 } from 'uuid';
import { noCode } from '../domain/words.ts';
import { countBatches, handedOver } from '../ledger/batches.ts';
import type { Member } from '../ledger/packing.ts';
import { learnedSize } from '../ledger/tenants.ts';
import { effectKey, type Order } from './effect.ts';
import { type Customer, customersOf } from './members.ts';
import type { Scene } from './scene.ts';
import { type Delivered, deliver } from './split.ts';
import { namespace } from './upload.ts';

/** The publisher takes at most this many customers a call (guide: OptiPromo Process, flow 2). */
const maxPerCall = 10_000;

/**
 * Hands whoever passed the screen over to the publisher, which validates, uploads and reports by itself: from
 * here on nobody of them is reported by us. A batch that is handed over again, under its id, is the same batch.
 */
export async function publish(scene: Scene): Promise<Delivered> {
  const passed = scene.batch.members.filter(
    ({ state, clearance }) => state === 'screened' || (state === 'cleared' && clearance === 'none'),
  );
  if (passed.length === 0) return undefined;
  const learned = await learnedSize(scene.pool, scene.campaign.tenant, 'publisher');
  const count = await countBatches(scene.pool, scene.campaign.ref);
  const deadline = scene.campaign.instants?.deadline ?? 0;
  return deliver(scene, {
    farSide: 'publisher',
    items: customersOf(passed),
    maxPerCall: Math.min(maxPerCall, learned ?? Infinity),
    build: (customers) => publication(scene, membersOf(customers), { count, deadline }),
    refuse: ({ members }, fault) =>
      members.map(({ position }) => ({
        ...{ position, state: 'refused' },
        reason: `publisher_refused: ${fault.message}`,
      })),
  });
}

function membersOf(customers: readonly Customer[]): Member[] {
  return customers.flatMap(({ members }) => members);
}

/** The same members are the same batch of the publisher, for ever. */
export function publication(
  scene: Scene,
  members: readonly Member[],
  kept: { count: number; deadline: number },
): Order<void> {
  const { publisher } = scene.world;
  if (!publisher) throw new Error('This tenant has no publisher');
  const { campaign, batch } = scene;
  const positions = members.map(({ position }) => position);
  const key = effectKey(scene, 'publish', positions);
  return {
    kind: 'publish',
    key,
    positions,
    kept,
    call: publisher.publish({
      campaignId: campaign.campaignId,
      deadline: kept.deadline,
      batchId: uuidV5(`${campaign.tenant}/${campaign.campaignId}/${key}`, namespace),
      index: batch.number,
      count: kept.count,
      customers: customersOf(members).map(({ customerId, promoCodes, members: own }) => ({
        customerId,
        actionId: own[0]?.actionId,
        promoCodes: promoCodes.filter((code) => code !== noCode),
      })),
    }),
    read: () => handedOver(positions),
    // It may have been taken all the same: the awards will tell.
    lost: handedOver(positions),
  };
}
