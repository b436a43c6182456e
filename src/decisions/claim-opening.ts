import { claimsOpen } from '../domain/campaign.ts';
import { permitMs } from '../domain/effect.ts';
import { Fault } from '../domain/fault.ts';
import { fixExpiry } from '../ledger/campaigns.ts';
import { openClaims } from '../ledger/claims.ts';
import { readAsOpened } from '../ledger/columns.ts';
import type { Intent } from '../ledger/effects.ts';
import type { Drain } from '../ledger/gathering.ts';
import { allocationOrder } from '../stages/allocate.ts';
import { type Begun, intentOf, type Order, type Performed, perform } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import { alertInactive, validationOrder } from '../stages/validate.ts';
import type { Promocode, SlotRequest, Taken } from '../world.ts';
import { buildClaims, type ClaimPool } from './claim-pool.ts';
import { busy, type ClaimAnswer } from './claimable.ts';
import { type Claimed, timeLeft } from './claimed.ts';
import { codesOf, expiryOf, type Line } from './line.ts';
import { timed } from './opening.ts';

/** Claims of one campaign and the same codes, which go in pools. */
export interface ClaimLine {
  line: Line;
  /** When what is claimed here ends, once it is known, epoch milliseconds. */
  expiresAt: number | undefined;
}

/** A pool of claims that is open, and its first effect. */
export interface Opened {
  pool: ClaimPool;
  send(): Promise<Performed>;
}

const canceled: ClaimAnswer = { status: 'refused', reason: 'canceled' };
const expired: ClaimAnswer = { status: 'refused', reason: 'expired' };
const unknownCode: ClaimAnswer = {
  status: 'refused',
  reason: 'not_eligible',
  detail: 'unknown_promo_code',
};

/** The ledger's word against a pool, as an answer. */
export function stoppedBy(why: string): ClaimAnswer {
  if (why === 'fenced') return canceled;
  return why === 'late' ? expired : busy;
}

/** Opens a pool when the line has its turn, of all who wait then; whoever cannot go with it has an answer. */
export async function openClaimPool(
  of: ClaimLine,
  drain: Drain<Claimed>,
  look: (asked: Claimed) => void,
): Promise<Opened | undefined> {
  const { line } = of;
  const head = drain.first();
  const leftMs = Math.max(1, head ? timeLeft(head) : 1);
  try {
    const promocodes = await codesOf(line);
    of.expiresAt ??= await expiryOfClaims(line);
    const number = await line.memory.nextNumber();
    const rank = { ...line.urgencyOf(leftMs), stage: line.validates ? 1 : 2 };
    return await line.house.turns.next(
      line.limit,
      rank,
      (slot) => openNow(of, drain, { promocodes, number, look }, slot),
      AbortSignal.timeout(Math.ceil(leftMs)),
    );
  } catch (error) {
    const isOver = error instanceof Error && error.name === 'TimeoutError';
    if (!isOver) {
      const cause = error instanceof Fault ? 'a far side' : 'the ledger';
      const facts = { tenant: line.tenant, cause, error: String(error) };
      line.house.log.warn(facts, 'claims could not be begun');
    }
    const waiting = drain.take(Infinity).filter((one) => !one.isAnswered);
    drain.putBack(isOver ? waiting.filter((one) => timeLeft(one) > 0) : []);
    for (const one of waiting) if (!isOver || timeLeft(one) <= 0) one.answer(busy);
    return undefined;
  }
}

/** A scheduled campaign has one end, fixed with its first claim; else it counts from the claim. */
async function expiryOfClaims(line: Line): Promise<number | undefined> {
  const { row } = line.campaign;
  if (row.kind === 'triggered') return undefined;
  const until = claimsOpen(line.plan, row.instants, row.details?.leadTimeDays)?.until ?? 0;
  return row.expiresAt ?? fixExpiry(line.house.pool, row.ref, until);
}

/** Opens a pool of all who wait now; without a slot they go on waiting, and others with them. */
async function openNow(
  of: ClaimLine,
  drain: Drain<Claimed>,
  opening: {
    promocodes: Map<string, Promocode> | undefined;
    number: number;
    look: (asked: Claimed) => void;
  },
  slot: SlotRequest | undefined,
): Promise<Taken<Opened | undefined>> {
  const none = { taken: true, value: undefined } as const;
  const { line } = of;
  const { promocodes, number, look } = opening;
  const asked = drain.take(line.mostPerPool).filter((one) => !one.isAnswered);
  if (!promocodes) for (const one of asked) one.answer(unknownCode);
  if (!promocodes || asked.length === 0) return none;
  const { expiresAt = expiryOf(line) } = of;
  const pool = buildClaims(line, asked, { number, promocodes, expiresAt });
  const { intent, send } = firstOf(line, pool);
  const permit = { until: performance.now() + permitMs };
  const { batch } = pool.scene;
  const beginning = await openClaims(
    line.house.pool,
    {
      campaign: batch.campaign,
      number,
      members: asked.flatMap(({ claim: { customerId }, places }) =>
        places.map((place) => ({ ...place, customerId })),
      ),
      said: batch.said ?? {},
      leftMs: Math.max(...asked.map(timeLeft)),
      expiresAt: batch.expiresAt ?? 0,
    },
    intent,
    slot,
  ).catch((error: unknown) => {
    for (const one of asked) one.answer(busy);
    throw error;
  });
  switch (beginning.verdict) {
    case 'wait':
      drain.putBack(asked);
      return { taken: false, retryInMs: beginning.waitMs };
    case 'begun':
      batch.read = readAsOpened(pool.members);
      return { taken: true, value: { pool, send: () => send({ beginning, permit }) } };
    case 'stale':
      for (const one of asked) look(one);
      return none;
    default:
      for (const one of asked) one.answer(stoppedBy(beginning.verdict));
      return none;
  }
}

interface First {
  intent: Intent;
  send(begun: Begun): Promise<Performed>;
}

/** The first effect of a pool: the validation of its first code, or else the allocation. */
function firstOf(line: Line, { scene, members, promocodes }: ClaimPool): First {
  const { expiresAt = 0 } = scene.batch;
  const code = line.promoCodes.find((one) => promocodes.has(one)) ?? '';
  const promocode = promocodes.get(code);
  if (!line.validates || !promocode) {
    return first(
      scene,
      timed(line.allocating, allocationOrder(scene, members, { expiresAt }, promocodes)),
    );
  }
  const inactive = new Set<string>();
  const asked = members.filter((member) => member.promoCode === code);
  const order = validationOrder(scene, promocode, asked, inactive);
  const { intent, send } = first(scene, timed(line.validating, order));
  return {
    intent,
    async send(begun) {
      const performed = await send(begun);
      await alertInactive(scene, code, inactive.size);
      return performed;
    },
  };
}

function first<A>(scene: Scene, order: Order<A>): First {
  return { intent: intentOf(scene, order), send: (begun) => perform(scene, order, begun) };
}
