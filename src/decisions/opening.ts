import { permitMs } from '../domain/effect.ts';
import { readAsOpened } from '../ledger/columns.ts';
import type { Intent } from '../ledger/effects.ts';
import type { Drain } from '../ledger/gathering.ts';
import { openPool } from '../ledger/pools.ts';
import { allocationOrder } from '../stages/allocate.ts';
import { type Begun, intentOf, type Order, type Performed, perform } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import { alertInactive, validationOrder } from '../stages/validate.ts';
import type { Call, Promocode, SlotRequest, Taken } from '../world.ts';
import { type Asked, leftOf } from './asked.ts';
import { fits, type Pace } from './budget.ts';
import { failureOf, late, unknownCode } from './endings.ts';
import { codesOf, type Line, sceneOf } from './line.ts';
import { membersOf } from './members.ts';
import type { Pool } from './pool.ts';
import { settlePool } from './pool-settling.ts';

/** A pool that is open, and its first effect. */
export interface Opened {
  pool: Pool;
  /** Sends what has been begun. */
  perform(): Promise<Performed>;
}

/**
 * Opens a pool when the line has its turn, of all who wait then. Undefined where nobody is left to be
 * brought to an answer: whoever could not go with it has one, or waits for the next.
 */
export async function open(line: Line, drain: Drain<Asked>): Promise<Opened | undefined> {
  const head = drain.first();
  const leftMs = head ? leftOf(head) : 0;
  try {
    const promocodes = await codesOf(line);
    const number = await line.memory.nextNumber();
    const rank = { ...line.urgencyOf(leftMs), stage: line.validates ? 1 : 2 };
    // Nobody waits longer than the first of them can; the others go on with the next.
    const patience = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)));
    return await line.house.turns.next(
      line.limit,
      rank,
      (slot) => openNow(line, drain, { promocodes, number }, slot),
      patience,
    );
  } catch (error) {
    const isOver = error instanceof Error && error.name === 'TimeoutError';
    const failure = failureOf(line, error);
    const waiting = drain.take(Infinity).filter((one) => !one.isAnswered);
    if (isOver) drain.putBack(waiting.filter((one) => leftOf(one) > 0));
    for (const one of waiting) if (!isOver || leftOf(one) <= 0) one.answer(isOver ? late : failure);
    return undefined;
  }
}

/** Opens a pool of all who wait now; without a slot they go on waiting, and others with them. */
async function openNow(
  line: Line,
  drain: Drain<Asked>,
  { promocodes, number }: { promocodes: Map<string, Promocode> | undefined; number: number },
  slot: SlotRequest | undefined,
): Promise<Taken<Opened | undefined>> {
  const none = { taken: true, value: undefined } as const;
  const asked = inTime(line, drain.take(line.mostPerPool));
  if (!promocodes) for (const one of asked) one.answer(unknownCode);
  if (!promocodes || asked.length === 0) return none;
  const pool = build(line, asked, number, promocodes);
  const permit = { until: performance.now() + permitMs };
  const begins = firstOf(line, pool);
  const opening = await openPool(line.house.pool, newPoolOf(line, pool), begins.intent, slot).catch(
    (error: unknown) => {
      for (const one of asked) one.answer(failureOf(line, error));
      throw error;
    },
  );
  switch (opening.verdict) {
    case 'wait':
      drain.putBack(asked);
      return { taken: false, retryInMs: opening.waitMs };
    case 'begun':
      pool.scene.batch.read = readAsOpened(pool.members);
      return {
        taken: true,
        value: { pool, perform: () => begins.perform({ beginning: opening, permit }) },
      };
    case 'fenced':
    case 'held':
    case 'halted':
    case 'late':
      for (const one of asked) one.answer({ allowed: false, cause: opening.verdict });
      return none;
    default:
      throw new Error(`A pool cannot be opened as ${opening.verdict}`);
  }
}

/** Whose time the steps do not fit into any more is answered now, before anything is spent on it. */
function inTime(line: Line, asked: Asked[]): Asked[] {
  const open = asked.filter((one) => !one.isAnswered);
  const stepsMs = line.stepsMs();
  for (const one of open) if (!fits(leftOf(one), stepsMs)) one.answer(late);
  return open.filter((one) => !one.isAnswered);
}

function build(
  line: Line,
  asked: Asked[],
  number: number,
  promocodes: Map<string, Promocode>,
): Pool {
  const customers = asked.map(({ check, instance }) => ({
    customerId: check.userId,
    instance: instance ?? 0,
  }));
  const members = membersOf(customers, line.promoCodes, line.said.actionId);
  const lefts = asked.map(leftOf);
  const scene = sceneOf(line, number, members, {
    firstMs: Math.min(...lefts),
    lastMs: Math.max(...lefts),
  });
  const pool: Pool = {
    ...{ scene, asked, members, promocodes },
    codes: line.promoCodes.length,
    allocating: line.allocating,
    next: undefined,
    isFinished: false,
    isWalking: false,
  };
  scene.settleDone = (kind, settlement) => settlePool(pool, kind, settlement);
  return pool;
}

function newPoolOf(line: Line, { scene, asked }: Pool) {
  const { campaign, batch } = scene;
  return {
    campaign: campaign.ref,
    number: batch.number,
    customers: asked.map(({ check, instance }) => ({
      customerId: check.userId,
      instance: instance ?? 0,
    })),
    codes: line.places,
    state: 'screened',
    clearance: 'none',
    actionId: line.said.actionId,
    said: line.said,
    leftMs: Math.max(0, ...asked.map(leftOf)),
    expiresAt: batch.expiresAt ?? 0,
  } as const;
}

/** The first effect of a pool: the validation of its first code, or else the allocation. */
function firstOf(line: Line, { scene, members, promocodes }: Pool): First {
  // Where any code is enough, Promotions may not know all of them.
  const code = line.promoCodes.find((one) => promocodes.has(one)) ?? '';
  const promocode = promocodes.get(code);
  if (!line.validates || !promocode) {
    const { expiresAt = 0 } = scene.batch;
    const order = allocationOrder(scene, members, { expiresAt }, promocodes);
    return first(scene, timed(line.allocating, order));
  }
  const inactive = new Set<string>();
  const asked = members.filter((member) => member.promoCode === code);
  const order = validationOrder(scene, promocode, asked, inactive);
  const { intent, perform: send } = first(scene, timed(line.validating, order));
  return {
    intent,
    async perform(begun) {
      const performed = await send(begun);
      await alertInactive(scene, code, inactive.size);
      return performed;
    },
  };
}

interface First {
  intent: Intent;
  perform(begun: Begun): Promise<Performed>;
}

function first<A>(scene: Scene, order: Order<A>): First {
  return {
    intent: intentOf(scene, order),
    perform: (begun) => perform(scene, order, begun),
  };
}

/** Remembers how long the call takes, also when nobody waits for it any more. */
export function timed<A>(pace: Pace, order: Order<A>): Order<A> {
  const send: Call<A>['send'] = async (permit) => {
    const sentAt = performance.now();
    try {
      return await order.call.send(permit);
    } finally {
      pace.note(performance.now() - sentAt);
    }
  };
  return { ...order, call: { ...order.call, send } };
}
