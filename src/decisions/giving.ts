import { isFinal } from '../domain/assignment.ts';
import { record } from '../ledger/batches.ts';
import { claimBatch, readBatch, writeBatch } from '../ledger/columns.ts';
import type { Drain } from '../ledger/gathering.ts';
import { reopenPool } from '../ledger/overdue.ts';
import type { Member } from '../ledger/packing.ts';
import type { Connection } from '../ledger/pool.ts';
import { allocate } from '../stages/allocate.ts';
import { perform } from '../stages/effect.ts';
import { endPool } from '../stages/late.ts';
import type { Scene } from '../stages/scene.ts';
import { noQueue, validate } from '../stages/validate.ts';
import { type Asked, type Decision, leftOf } from './asked.ts';
import { fits } from './budget.ts';
import { failureOf, late, stoppedBy } from './endings.ts';
import type { Line } from './line.ts';
import { type Opened, open, timed } from './opening.ts';
import { causeOf, ownOf, type Pool } from './pool.ts';

/**
 * The life of a pool: open + begin ▸ send ▸ settle + begin ▸ send ▸ settle + answer. Whoever waits in the
 * line goes with it, until its first effect has its turn. Resolves when all of its checks are answered;
 * what is to be taken back of it is taken back after that.
 */
export async function give(line: Line, drain: Drain<Asked>): Promise<void> {
  const opened = await open(line, drain);
  if (!opened) return;
  const { pool } = opened;
  for (const [index, one] of pool.asked.entries()) {
    one.undo = (connection) => undo(line, pool, index, connection);
  }
  const life = live(line, opened)
    .catch((error: unknown) => answerRest(pool, failureOf(line, error)))
    .then(() => end(line, pool));
  // A far side that hangs keeps the line no longer than somebody waits for it.
  await Promise.race([life, Promise.all(pool.asked.map(({ decision }) => decision))]);
}

/** What has been begun is sent; the ordinary case is two calls, and all else goes by the stages. */
async function live(line: Line, { pool, perform: send }: Opened): Promise<void> {
  const performed = await send();
  if (performed.ended === 'too_large') {
    line.mostPerPool = Math.max(1, Math.floor(pool.asked.length / 2));
  }
  if (performed.ended === 'stopped') return answerRest(pool, stoppedBy(performed.why));
  const isOver = () => pool.isFinished || pool.asked.every((one) => one.isAnswered);
  if (isOver()) return;
  if (pool.next) {
    const { order, begun } = pool.next;
    const { verdict } = begun.beginning;
    if (verdict === 'begun' || verdict === 'alive' || verdict === 'wait') {
      const allocated = await perform(pool.scene, timed(line.allocating, order), begun);
      if (allocated.ended === 'stopped') return answerRest(pool, stoppedBy(allocated.why));
      if (isOver()) return;
    } else if (verdict !== 'stale') {
      return answerRest(pool, stoppedBy(verdict));
    }
  }
  await walk(line, pool);
}

/** Walks a pool through the stages as any batch: several codes, members that changed, calls to be halved. */
async function walk(line: Line, pool: Pool): Promise<void> {
  pool.isWalking = true;
  const validateAtOnce = (scene: Scene) => validate(scene, noQueue);
  const stages = line.validates ? [validateAtOnce, allocate] : [allocate];
  for (const stage of stages) {
    for (let ended: unknown = 'stale'; ended === 'stale'; ) {
      await reread(pool);
      if (pool.asked.every((one) => one.isAnswered)) return;
      const longest = Math.max(...pool.asked.filter((one) => !one.isAnswered).map(leftOf));
      if (!fits(longest, line.allocating.expectedMs())) return answerRest(pool, late);
      await leaveOut(pool);
      const stopped = await stage(await reread(pool));
      if (stopped && stopped !== 'stale') return answerRest(pool, stoppedBy(stopped));
      ended = stopped;
    }
  }
  await reread(pool);
  for (const [index, one] of pool.asked.entries()) one.answer(refusalOf(ownOf(pool, index)));
}

/** Members of whoever was answered meanwhile lapse: no call over them is under way, and none begins. */
async function leaveOut({ scene, asked, members, codes }: Pool): Promise<void> {
  const answered = members.filter(
    ({ state }, index) => !isFinal(state) && asked[Math.floor(index / codes)]?.isAnswered,
  );
  await record(
    scene.pool,
    scene.batch,
    answered.map(({ position }) => ({ position, state: 'lapsed', reason: 'late' }) as const),
  );
}

/** The batch as the ledger has it now; the claim stays this pool's own. */
async function reread(pool: Pool): Promise<Scene> {
  const { scene } = pool;
  const { campaign, batch } = scene;
  const read = await readBatch(scene.pool, campaign.ref, batch.number);
  if (!read) throw new Error(`Batch ${batch.number} is not in the ledger`);
  pool.members = read.members;
  pool.scene = { ...scene, batch: { ...read, token: batch.token } };
  return pool.scene;
}

function refusalOf(members: readonly Member[]): Decision {
  const against = members.find((member) => member.reason !== undefined);
  if (!against?.reason) return { allowed: false, cause: 'failed' };
  return { allowed: false, cause: causeOf(against.state), reason: against.reason };
}

function answerRest(pool: Pool, decision: Decision): void {
  for (const one of pool.asked) one.answer(decision);
}

const mostTries = 5;

/** What a pool left open is brought to its end soon; where that fails, settlement does it. */
async function end(line: Line, pool: Pool): Promise<void> {
  if (pool.isFinished) {
    // Its redemptions may be queued, which settlement tells.
    if (line.world.promotions) line.house.kickSettlement(line.tenant);
    return;
  }
  answerRest(pool, late);
  const { scene } = pool;
  const { campaign } = scene;
  try {
    const { signal } = new AbortController();
    const { urgency: _, settleDone: __, ...plain } = scene;
    let batch = await claimBatch(scene.pool, campaign.ref, scene.batch.number);
    for (let tries = 0; tries < mostTries; tries += 1) {
      const stopped = await endPool({ ...plain, signal, batch });
      if (stopped !== 'stale') return;
      const read = await readBatch(scene.pool, campaign.ref, batch.number);
      if (read) batch = { ...read, token: batch.token };
    }
  } catch (error) {
    const facts = { tenant: line.tenant, batch: scene.batch.number, error: String(error) };
    line.house.log.warn(facts, 'settlement brings a pool of checks to its end');
  }
  line.house.kickSettlement(line.tenant);
}

/** A true that was written and that nobody was told: what it gave is taken back. */
async function undo(
  line: Line,
  pool: Pool,
  index: number,
  connection: Connection,
): Promise<() => void> {
  const { campaign, batch } = pool.scene;
  const denied = ownOf(pool, index).map(
    ({ position }) => ({ position, clearance: 'told_false' }) as const,
  );
  await writeBatch(connection, campaign.ref, batch.number, denied);
  await reopenPool(connection, campaign.ref, batch.number);
  return () => {
    pool.isFinished = false;
    void end(line, pool);
  };
}
