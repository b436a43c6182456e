import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type EffectKind, permitMs } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import { urgencyOf } from '../ledger/campaigns.ts';
import { type Beginning, begin, type Intent, markUnknown, settle } from '../ledger/effects.ts';
import type { Happening } from '../ledger/packing.ts';
import { multirange } from '../ledger/positions.ts';
import type { Call, Permit, Rank } from '../world.ts';
import { type Diary, openDiary } from './diary.ts';
import type { Scene, Stop } from './scene.ts';

/** One outside call that changes something, and what its answer will mean. */
export interface Order<A> {
  kind: EffectKind;
  key: string;
  positions: number[];
  /** What could vary between two buildings of the body, fixed at the first. */
  kept: Record<string, unknown>;
  call: Call<A>;
  /** What the answer did to the members; an asked member it leaves out is the adapter's fault. */
  read(answer: A): Happening[];
  /** What a lost answer leaves behind until it is known. */
  lost?: Happening[];
  /** The redemptions, which wait for everything else. */
  lowest?: boolean;
}

/** An effect that the ledger let begin, or refused, and until when its permit is good. */
export interface Begun {
  beginning: Beginning;
  permit: Permit;
}

export type Performed =
  | { ended: 'done' }
  | { ended: 'stopped'; why: Stop }
  /** A member changed since the body was built, or an earlier report is open: read again, then build. */
  | { ended: 'stale' }
  | { ended: 'refused' | 'too_large'; fault: Fault; effect: number };

/**
 * The life of one effect: turn ▸ begin ▸ send ▸ settle. The body has been built; the ledger decides
 * whether it may leave; what became of it is written with the members' new states. Throws a Fault
 * where it is not known what became of it, or where the far side could not be reached: the activity is
 * retried, and finds the effect in the ledger. What has been begun `already` is sent under its permit first.
 */
export async function perform<A>(
  scene: Scene,
  order: Order<A>,
  already?: Begun,
): Promise<Performed> {
  let begun = already;
  for (;;) {
    const askedAt = performance.now();
    const { beginning, permit } = begun ?? (await beginInTurn(scene, order));
    begun = undefined;
    switch (beginning.verdict) {
      case 'begun': {
        const diary = openDiary(scene, { ...order, effect: beginning.effect });
        diary.began(performance.now() - askedAt);
        const performed = await sendAndSettle(scene, order, beginning, permit, diary);
        if (performed) return performed;
        break;
      }
      case 'alive':
      case 'wait':
        await delay(beginning.waitMs, undefined, { signal: scene.signal });
        break;
      case 'done':
        return { ended: 'done' };
      case 'stale':
      case 'open_report':
        return { ended: 'stale' };
      default:
        return { ended: 'stopped', why: beginning.verdict };
    }
  }
}

async function beginInTurn<A>(scene: Scene, order: Order<A>): Promise<Begun> {
  const { pool, turns, signal } = scene;
  const intent = intentOf(scene, order);
  return turns.next(
    order.call.limit,
    rankOf(scene, order),
    async (slot) => {
      // The permit runs from before the question, so that a slow answer shortens it.
      const permit = { until: performance.now() + permitMs };
      const beginning = await begin(pool, intent, slot);
      return beginning.verdict === 'wait'
        ? { taken: false, retryInMs: beginning.waitMs }
        : { taken: true, value: { beginning, permit } };
    },
    signal,
  );
}

/** What the ledger is asked of an order. */
export function intentOf<A>({ campaign, batch }: Scene, order: Order<A>): Intent {
  return {
    campaign: campaign.ref,
    batch: batch.number,
    kind: order.kind,
    epoch: campaign.epoch,
    key: order.key,
    hash: order.call.hash,
    positions: order.positions,
    kept: order.kept,
    token: batch.token,
    change: batch.change,
    aliveMs: permitMs + order.call.timeoutMs,
  };
}

const stageOrder: Record<EffectKind, number> = {
  validate: 1,
  allocate: 2,
  restore: 2,
  upload: 3,
  publish: 4,
  approve: 4,
  deny: 4,
  repeat: 5,
  revoke: 3,
  redeem: 0,
  redeem_used: 0,
  confirm: 0,
};

/** Where an order stands in its far side's queue. */
export function rankOf<A>(scene: Scene, order: Order<A>): Rank {
  if (scene.urgency) return { ...scene.urgency, stage: stageOrder[order.kind] };
  return {
    class: 'bulk',
    // Redemptions have no deadline, so they come after everything that has one.
    deadline: order.lowest ? Infinity : urgencyOf(scene.campaign),
    stage: stageOrder[order.kind],
  };
}

/** Undefined: surely not sent, and worth beginning again at once. */
async function sendAndSettle<A>(
  scene: Scene,
  order: Order<A>,
  begun: { effect: number; slot: number | undefined },
  permit: Permit,
  diary: Diary,
): Promise<Performed | undefined> {
  const { pool, batch } = scene;
  let answer: A;
  try {
    answer = await order.call.send(permit);
  } catch (error) {
    const fault =
      error instanceof Fault ? error : new Fault('unknown', String(error), { cause: error });
    diary.failed(fault);
    return settleFault(scene, order, begun, fault);
  }
  const settlement = { ...begun, outcome: 'done', happenings: order.read(answer) } as const;
  if (scene.settleDone) await scene.settleDone(order.kind, settlement);
  else await settle(pool, batch, settlement);
  diary.done();
  return { ended: 'done' };
}

async function settleFault<A>(
  scene: Scene,
  order: Order<A>,
  begun: { effect: number; slot: number | undefined },
  fault: Fault,
): Promise<Performed | undefined> {
  const { pool, batch } = scene;
  const close = (outcome: 'refused' | 'not_sent') =>
    settle(pool, batch, {
      ...begun,
      outcome,
      detail: fault.message,
      happenings: [],
    });
  switch (fault.kind) {
    case 'not_sent':
      await close('not_sent');
      if (fault.status === 429 && order.call.limit) {
        await scene.turns.pause(order.call.limit, fault.retryAfterMs ?? 1_000);
        return undefined;
      }
      // A permit that ran out is begun again at once; a far side that cannot be reached is waited for.
      if (fault.cause === undefined && fault.status === undefined) return undefined;
      throw fault;
    case 'unauthorized':
      await close('not_sent');
      return { ended: 'stopped', why: 'halted' };
    case 'refused':
    case 'too_large':
      await close('refused');
      return { ended: fault.kind, fault, effect: begun.effect };
    case 'unknown':
    case 'malformed':
      await markUnknown(pool, batch, {
        ...begun,
        detail: fault.message,
        happenings: order.lost ?? [],
      });
      throw fault;
  }
}

/**
 * The key of an effect: from its kind, batch, epoch and members, and from `told` where the same members
 * can be told different things. Never from a clock, an attempt or a state.
 */
export function effectKey(
  scene: Scene,
  kind: string,
  positions: readonly number[],
  told = '',
): string {
  const members = createHash('sha256')
    .update(multirange(positions))
    .update(told)
    .digest('base64url')
    .slice(0, 22);
  return `${kind}/${scene.campaign.epoch}/${scene.batch.number}/${members}`;
}
