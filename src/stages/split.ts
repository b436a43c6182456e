import { cut, halve, halvingCalls } from '../domain/batching.ts';
import type { Fault } from '../domain/fault.ts';
import type { FarSide } from '../domain/words.ts';
import { record } from '../ledger/batches.ts';
import type { Happening } from '../ledger/packing.ts';
import { learnSize } from '../ledger/tenants.ts';
import { type Order, perform } from './effect.ts';
import type { Scene, Stop } from './scene.ts';

/** How a list of members, or of customers, is sent in calls of a size the far side takes. */
export interface Delivery<A, T> {
  farSide: FarSide;
  items: T[];
  maxPerCall: number;
  build(items: T[]): Order<A>;
  /** What it means for an item when the far side refuses the call that named it. */
  refuse(item: T, fault: Fault): Happening | Happening[] | undefined;
}

export type Delivered = Stop | 'stale' | undefined;

/**
 * Sends items in as many calls as it takes. A call refused by 400 is halved to find who is refused,
 * with a bounded number of extra calls; another refusal is about the call as a whole. A call that is
 * too large teaches the far side's size. Stops early where the ledger admits no more.
 */
export async function deliver<A, T>(scene: Scene, delivery: Delivery<A, T>): Promise<Delivered> {
  const { farSide, items, build, refuse } = delivery;
  let pieces = cut(items, delivery.maxPerCall);
  let extraCalls = halvingCalls;
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    scene.signal.throwIfAborted();
    const performed = await perform(scene, build(piece));
    switch (performed.ended) {
      case 'done':
        break;
      case 'stopped':
        return performed.why;
      case 'stale':
        return 'stale';
      case 'too_large': {
        if (piece.length === 1) throw performed.fault;
        const size = Math.floor(piece.length / 2);
        await learnSize(scene.pool, scene.campaign.tenant, farSide, size);
        pieces = [piece, ...pieces].flatMap((one) => cut(one, size));
        break;
      }
      case 'refused':
        if (performed.fault.status === 400 && piece.length > 1 && extraCalls >= 2) {
          extraCalls -= 2;
          pieces.unshift(...halve(piece));
          break;
        }
        await record(
          scene.pool,
          scene.batch,
          piece.flatMap((item) => refuse(item, performed.fault) ?? []),
        );
    }
  }
  return undefined;
}
