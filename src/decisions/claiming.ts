import { handOverClaims } from '../ledger/claim-debts.ts';
import type { Drain } from '../ledger/gathering.ts';
import { finishWalked, giveClaimed, reread } from '../stages/claims.ts';
import { type Performed, perform } from '../stages/effect.ts';
import type { Scene } from '../stages/scene.ts';
import type { Delivered } from '../stages/split.ts';
import { type ClaimLine, type Opened, openClaimPool, stoppedBy } from './claim-opening.ts';
import type { ClaimPool } from './claim-pool.ts';
import { busy, type ClaimAnswer } from './claimable.ts';
import type { Claimed } from './claimed.ts';
import type { Line } from './line.ts';
import { timed } from './opening.ts';

/**
 * The life of a pool of claims: move + begin ▸ send ▸ settle + begin ▸ send ▸ settle + finish. What came of
 * each is in the ledger then, and `look` finds it there. Where it is not known what became of a call, the
 * customer is told to come again, and settlement brings the pool to its end.
 */
export async function giveClaims(
  line: ClaimLine,
  drain: Drain<Claimed>,
  look: (asked: Claimed) => void,
): Promise<void> {
  const opened = await openClaimPool(line, drain, look);
  if (!opened) return;
  const { pool } = opened;
  const answer = await live(line.line, opened);
  for (const one of pool.asked) {
    if (answer) one.answer(answer);
    else look(one);
  }
  void end(line.line, pool);
}

/** Undefined: what became of the claims is in the ledger. */
async function live(line: Line, { pool, send }: Opened): Promise<ClaimAnswer | undefined> {
  const { tenant, house } = line;
  const { scene } = pool;
  try {
    const stopped = await give(line, pool, await send());
    return stopped && stopped !== 'stale' ? stoppedBy(stopped) : undefined;
  } catch (error) {
    const facts = { tenant, batch: scene.batch.number, error: String(error) };
    house.log.warn(facts, 'a pool of claims was broken off; settlement brings it to its end');
    return busy;
  }
}

/** What has been begun is sent; the ordinary case is two calls, and all else goes by the stages. */
async function give(line: Line, pool: ClaimPool, first: Performed): Promise<Delivered> {
  if (first.ended === 'stopped') return first.why;
  if (pool.isFinished) return undefined;
  if (pool.next) {
    const { order, begun } = pool.next;
    const { verdict } = begun.beginning;
    if (verdict === 'begun' || verdict === 'alive' || verdict === 'wait') {
      const allocated = await perform(pool.scene, timed(line.allocating, order), begun);
      if (allocated.ended === 'stopped') return allocated.why;
      if (pool.isFinished) return undefined;
    }
  }
  return giveClaimed(await reread(plainOf(pool)));
}

/** The stages settle for themselves. */
function plainOf({ scene: { settleDone: _, ...plain } }: ClaimPool): Scene {
  return plain;
}

/** Its redemptions and confirmation are settlement's, as is all that is left open. */
async function end({ tenant, house }: Line, pool: ClaimPool): Promise<void> {
  const { campaign, batch } = pool.scene;
  try {
    if (!pool.isFinished) {
      await finishWalked(await reread(plainOf(pool)));
      await handOverClaims(house.pool, campaign.ref, batch.number);
    }
  } catch (error) {
    house.log.warn({ tenant, error: String(error) }, 'settlement ends a pool of claims');
  }
  house.kickSettlement(tenant);
}
