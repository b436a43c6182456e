import { setTimeout as delay } from 'node:timers/promises';
import { noCode } from '../domain/words.ts';
import { answerTriggers } from '../ledger/answers.ts';
import { readBatch, writeBatch } from '../ledger/columns.ts';
import type { Drain } from '../ledger/gathering.ts';
import type { Connection } from '../ledger/pool.ts';
import { openPool, sharedTransaction } from '../ledger/pools.ts';
import { markTold } from '../ledger/told.ts';
import { type Asked, decisionOf, leftOf, triggerOf } from './asked.ts';
import { failureOf } from './endings.ts';
import type { Line } from './line.ts';
import { expiryOf } from './line.ts';
import { findingOf } from './pool.ts';

/**
 * Answers whoever has passed the screen, where nothing is given now: without a promo code, and where the
 * reward is claimed later. Answers and batch are one commit.
 */
export async function passAll(line: Line, drain: Drain<Asked>): Promise<void> {
  const taken = drain.take(line.mostPerPool);
  try {
    const number = await line.memory.nextNumber();
    // Whose time has ended meanwhile was told false: no true may be written for him any more.
    const asked = taken.filter((one) => !one.isAnswered);
    if (asked.length === 0) return;
    for (const one of asked) {
      one.isSettling = true;
      one.undo = (connection) => undo(line, number, one, connection);
    }
    const { pool } = line.house;
    const answers = await sharedTransaction(pool, line.campaign.row.ref, async (connection) => {
      const told = await answerTriggers(
        connection,
        asked.map((one) => findingOf(one, true, 'passed')),
      );
      const passed = asked.filter((_, index) => told[index]?.allowed);
      if (passed.length > 0)
        await openPool(connection, newPool(line, number, passed), undefined, undefined);
      return told;
    });
    if (line.plan.claims) {
      // Whoever was told false meanwhile hears of no true any more, and nobody may.
      const passed = asked.filter((one, index) => answers[index]?.allowed && !one.isAnswered);
      await markPassed(line, passed);
    }
    for (const [index, one] of asked.entries()) {
      const { allowed, reason } = answers[index] ?? { allowed: false, reason: undefined };
      one.isSettling = false;
      one.answer(decisionOf({ allowed, reason }, allowed ? 'passed' : 'failed'), 'written');
    }
  } catch (error) {
    for (const one of taken) one.answer(failureOf(line, error));
  }
}

/**
 * What may be claimed is marked before it is told: only a marked true can be claimed, and nobody comes to
 * mark it where its gateway dies after it told it. That takes no longer than until the first of them is due,
 * which leaves time to tell; those that could not be marked by then are told all the same, and marked after.
 */
async function markPassed({ house }: Line, passed: readonly Asked[]): Promise<void> {
  const leftMs = Math.min(...passed.map(leftOf));
  if (passed.length === 0 || leftMs <= 0) return;
  const waiting = new AbortController();
  const over = delay(leftMs, false, { signal: waiting.signal }).catch(() => false);
  const marked = markTold(house.pool, passed.map(triggerOf)).then(
    () => true,
    () => false,
  );
  const isMarked = await Promise.race([marked, over]);
  waiting.abort();
  for (const one of passed) one.isMarked = isMarked;
}

/** Whoever was told false of a true that is in the ledger stays neither approved nor able to claim. */
async function undo(
  line: Line,
  number: number,
  { check, instance = 0 }: Asked,
  connection: Connection,
): Promise<undefined> {
  const { ref } = line.campaign.row;
  const members = (await readBatch(connection, ref, number))?.members ?? [];
  const own = members.filter(
    (member) => member.customerId === check.userId && member.instance === instance,
  );
  if (own.length === 0) return;
  await writeBatch(
    connection,
    ref,
    number,
    own.map(
      ({ position }) =>
        ({ position, state: 'lapsed', clearance: 'told_false', reason: 'late' }) as const,
    ),
  );
}

function newPool(line: Line, number: number, passed: readonly Asked[]) {
  const expiresAt = expiryOf(line);
  return {
    campaign: line.campaign.row.ref,
    number,
    customers: passed.map(({ check, instance }) => ({
      customerId: check.userId,
      instance: instance ?? 0,
    })),
    codes: line.places,
    state: line.promoCodes.includes(noCode) ? 'cleared' : 'screened',
    clearance: 'approved',
    actionId: line.said.actionId,
    said: line.said,
    leftMs: 60_000,
    expiresAt,
  } as const;
}
