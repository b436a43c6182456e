import { noCode } from '../domain/words.ts';
import { answerTriggers } from '../ledger/answers.ts';
import type { Drain } from '../ledger/gathering.ts';
import { openPool, sharedTransaction } from '../ledger/pools.ts';
import { type Asked, decisionOf } from './asked.ts';
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
    for (const one of asked) one.isSettling = true;
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
    for (const [index, one] of asked.entries()) {
      const { allowed, reason } = answers[index] ?? { allowed: false, reason: undefined };
      one.isSettling = false;
      one.answer(decisionOf({ allowed, reason }, allowed ? 'passed' : 'failed'), 'written');
    }
  } catch (error) {
    for (const one of taken) one.answer(failureOf(line, error));
  }
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
