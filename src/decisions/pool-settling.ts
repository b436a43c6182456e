import { isFinal } from '../domain/assignment.ts';
import { type EffectKind, permitMs } from '../domain/effect.ts';
import { answerTriggers } from '../ledger/answers.ts';
import { begin, type Settlement, settleWithin } from '../ledger/effects.ts';
import type { Happening } from '../ledger/packing.ts';
import type { Connection } from '../ledger/pool.ts';
import { finishPool, sharedTransaction } from '../ledger/pools.ts';
import { markRedemptionsDue } from '../ledger/redemptions.ts';
import { allocationOrder } from '../stages/allocate.ts';
import { type Begun, intentOf, type Order } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import type { AllocationOutcome } from '../world.ts';
import { decisionOf, leftOf } from './asked.ts';
import { fits } from './budget.ts';
import { laid } from './members.ts';
import { type Found, findingsOf, ownOf, type Pool } from './pool.ts';

interface Told {
  index: number;
  allowed: boolean;
  reason: string | undefined;
}

/**
 * Settles an effect of a pool, in one commit with what follows from it: the answers of those who are
 * decided now, or else the beginning of the allocation. Whoever was answered meanwhile lapses. All of it goes
 * to the ledger at once, as it is foreseen; where an answer turns out another, it is written anew with that one.
 */
export async function settlePool(
  pool: Pool,
  kind: EffectKind,
  settlement: Settlement,
): Promise<void> {
  const { asked } = pool;
  const before = pool.members;
  pool.members = laid(before, settlement.happenings);
  const findings = findingsOf(pool);
  const allowed = findings.filter((one) => one.finding.allowed).map(({ index }) => asked[index]);
  for (const one of allowed) if (one) one.isSettling = true;
  const next = kind === 'validate' ? allocationOf(pool) : undefined;
  pool.next = undefined;
  let told: Told[] = findings.map(({ index, finding }) => ({ index, ...finding }));
  for (;;) {
    const happenings = withClearance(pool, settlement.happenings, told, next !== undefined);
    pool.members = laid(before, happenings);
    const foreseen = { settlement: { ...settlement, happenings }, findings, told, next };
    const written = await write(pool, foreseen);
    ({ told } = written);
    if (written.isDone) break;
  }
  for (const { index, allowed: isAllowed, reason } of told) {
    const one = asked[index];
    if (one) one.isSettling = false;
    const decision = decisionOf({ allowed: isAllowed, reason }, isAllowed ? 'given' : 'failed');
    one?.answer(decision, 'written');
  }
}

type Allocation = Order<Map<string, AllocationOutcome>>;

/** What is to be written at once, as it is foreseen. */
interface Foreseen {
  settlement: Settlement;
  findings: readonly Found[];
  told: Told[];
  next: Allocation | undefined;
}

/** Answers are other than foreseen: nothing may be written that was built on them. */
class Unforeseen extends Error {
  readonly told: Told[];

  constructor(told: Told[]) {
    super('An answer is not as foreseen');
    this.told = told;
  }
}

/** Writes it in one commit, or, where an answer is another than foreseen, nothing of it. */
async function write(pool: Pool, foreseen: Foreseen): Promise<{ told: Told[]; isDone: boolean }> {
  const { scene } = pool;
  const { next } = foreseen;
  try {
    const { told, read, begun } = await sharedTransaction(
      scene.pool,
      scene.campaign.ref,
      (connection) => sendAll(connection, pool, foreseen),
    );
    scene.batch.read = read;
    pool.next = next && begun && { order: next, begun };
    pool.isFinished = !next && isClean(pool);
    return { told, isDone: true };
  } catch (error) {
    if (error instanceof Unforeseen) return { told: error.told, isDone: false };
    throw error;
  }
}

/** One after the other in the ledger, and none of them waited for before the next is sent. */
async function sendAll(connection: Connection, pool: Pool, foreseen: Foreseen) {
  const { scene } = pool;
  const { settlement, findings, next } = foreseen;
  const answering = answerAll(connection, findings);
  const settling = settleWithin(connection, scene.batch, settlement);
  const following = next ? beginNext(connection, scene, next) : close(connection, pool, settlement);
  const [told, { read }, begun] = await Promise.all([answering, settling, following]);
  const isAsForeseen = told.every(
    ({ allowed }, place) => allowed === foreseen.told[place]?.allowed,
  );
  if (!isAsForeseen) throw new Unforeseen(told);
  return { told, read, begun };
}

async function answerAll(connection: Connection, findings: readonly Found[]): Promise<Told[]> {
  if (findings.length === 0) return [];
  const answers = await answerTriggers(
    connection,
    findings.map(({ finding }) => finding),
  );
  return findings.map(({ index }, place) => ({
    index,
    allowed: answers[place]?.allowed ?? false,
    reason: answers[place]?.reason,
  }));
}

async function beginNext(connection: Connection, scene: Scene, next: Allocation): Promise<Begun> {
  const permit = { until: performance.now() + permitMs };
  return { beginning: await begin(connection, intentOf(scene, next), undefined), permit };
}

/** The end of a pool of which nothing is left, and when its redemptions are due. */
async function close(
  connection: Connection,
  pool: Pool,
  { happenings }: Settlement,
): Promise<undefined> {
  const { campaign, batch, plan } = pool.scene;
  const redeemInMs = isQueued(happenings) ? plan.redeemEveryMs : undefined;
  if (isClean(pool)) await finishPool(connection, campaign.ref, batch.number, redeemInMs);
  else if (redeemInMs !== undefined) {
    await markRedemptionsDue(connection, refOf(pool.scene), redeemInMs);
  }
}

/**
 * What happened, with what is told of it. Where the allocation begins now, members of whoever was
 * answered before lapse: they are in no call, and come into none.
 */
function withClearance(
  pool: Pool,
  happenings: readonly Happening[],
  told: readonly Told[],
  isBeginning: boolean,
): Happening[] {
  const byPosition = new Map(happenings.map((one) => [one.position, one]));
  for (const { index, allowed } of told) {
    for (const { position, state } of ownOf(pool, index)) {
      const clearance = allowed ? 'told_true' : 'told_false';
      // What is active at once counts as activated when its customer is told.
      const isRedeemed = allowed && state === 'allocated' && pool.scene.world.promotions;
      const redemption = isRedeemed ? ({ redemption: 'queued' } as const) : {};
      byPosition.set(position, { ...byPosition.get(position), position, clearance, ...redemption });
    }
  }
  for (const [index, one] of pool.asked.entries()) {
    if (!isBeginning || !one.isAnswered) continue;
    for (const { position, state } of ownOf(pool, index)) {
      if (isFinal(state)) continue;
      byPosition.set(position, { position, state: 'lapsed', reason: 'late' });
    }
  }
  return [...byPosition.values()];
}

function isQueued(happenings: readonly Happening[]): boolean {
  return happenings.some(({ redemption }) => redemption === 'queued');
}

function refOf({ campaign, batch }: Scene): { campaign: number; number: number } {
  return { campaign: campaign.ref, number: batch.number };
}

/** Nothing is left to be decided, nor held by whoever was not told true. */
function isClean({ members }: Pool): boolean {
  return members.every(
    ({ state, clearance }) => isFinal(state) && (state !== 'allocated' || clearance === 'approved'),
  );
}

/**
 * The allocation that can be begun in the same commit: of a pool of one code, before a platform without
 * a limit of its own, for those whose time it fits into.
 */
function allocationOf(pool: Pool): Order<Map<string, AllocationOutcome>> | undefined {
  const { scene, codes, promocodes } = pool;
  if (pool.isWalking || codes > 1 || scene.plan.limits.maxRewardTotal) return undefined;
  if (!scene.plan.recipe.includes('allocate')) return undefined;
  const members = pool.members.filter(({ state }, index) => {
    const one = pool.asked[index];
    return (
      state === 'validated' &&
      one &&
      !one.isAnswered &&
      fits(leftOf(one), pool.allocating.expectedMs())
    );
  });
  const { expiresAt } = scene.batch;
  if (members.length === 0 || expiresAt === undefined) return undefined;
  const order = allocationOrder(scene, members, { expiresAt }, promocodes);
  return order.call.limit ? undefined : order;
}
