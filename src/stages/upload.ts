import { v5 as uuidV5 } from 'uuid';
import { cut } from '../domain/batching.ts';
import { Fault } from '../domain/fault.ts';
import { giveUpEffects } from '../ledger/effects.ts';
import type { Member } from '../ledger/packing.ts';
import type { DataConnection } from '../world.ts';
import { effectKey, type Order, perform } from './effect.ts';
import { customersOf } from './members.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';

/** The namespace of our uuids: names in it are built from tenant, campaign and batch or key. */
export const namespace = 'c0f3f8c8-5c0e-5a0a-9d5b-0f7f4a8a7f11';

const daySeconds = 86_400;

/**
 * Hands the rewards to the data connection, so that the message can show them: one row a customer,
 * one batch_uuid a batch of ours (API §12). A whole record is replaced, so a repeat changes nothing.
 * A failed upload costs the approval only where the tenant says `required`.
 */
export async function upload(scene: Scene): Promise<Delivered> {
  const connection = connectionOf(scene);
  const held = scene.batch.members.filter(
    (member) => member.state === 'allocated' && member.clearance === 'none',
  );
  const pieces = cut(customersOf(held), connection.maxRowsPerCall);
  for (const [index, piece] of pieces.entries()) {
    const members = piece.flatMap((customer) => customer.members);
    const kept = { expiresAt: scene.campaign.expiresAt ?? 0, last: index === pieces.length - 1 };
    const stopped = await sendRows(scene, uploadOrder(scene, members, kept));
    if (stopped) return stopped;
  }
  return undefined;
}

/** Sends rows for the first time, or again under the same key after a lost answer. */
export async function sendRows(scene: Scene, order: Order<void>): Promise<Delivered> {
  const connection = connectionOf(scene);
  try {
    const performed = await perform(scene, order);
    if (performed.ended === 'stopped') return performed.why;
    if (performed.ended === 'stale') return 'stale';
    if (performed.ended !== 'done' && connection.required) throw performed.fault;
  } catch (error) {
    if (!(error instanceof Fault) || connection.required) throw error;
    scene.log.warn(
      { campaign: scene.campaign.campaignId, batch: scene.batch.number, fault: error.message },
      'an upload to the data connection failed; the batch goes on without it',
    );
    await giveUpEffects(scene.pool, scene.campaign.ref, error.message, {
      batch: scene.batch.number,
      kinds: ['upload'],
    });
  }
  return undefined;
}

export function uploadOrder(
  scene: Scene,
  members: Member[],
  kept: { expiresAt: number; last: boolean },
): Order<void> {
  const { campaign, batch, plan } = scene;
  const positions = members.map((member) => member.position);
  return {
    kind: 'upload',
    key: effectKey(scene, 'upload', positions, String(kept.last)),
    positions,
    kept,
    call: connectionOf(scene).upload({
      campaignId: campaign.campaignId,
      batchUuid: uuidV5(
        `${campaign.tenant}/${campaign.campaignId}/${campaign.epoch}/${batch.number}`,
        namespace,
      ),
      last: kept.last,
      ttlSeconds: (plan.durationDays + 2) * daySeconds,
      rows: customersOf(members).map((customer) => ({
        customerId: customer.customerId,
        rewards: customer.members.flatMap((member) =>
          member.rewards.map((reward) => ({
            promoCode: member.promoCode,
            reward,
            expiresAt: kept.expiresAt,
          })),
        ),
      })),
    }),
    read: () => [],
  };
}

/** A recipe names upload only for tenants with a data connection. */
function connectionOf(scene: Scene): DataConnection {
  if (!scene.world.dataConnection) throw new Error('This tenant has no data connection');
  return scene.world.dataConnection;
}
