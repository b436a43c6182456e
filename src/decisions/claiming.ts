import { handOverClaims } from '../ledger/claim-debts.ts';
import { finishWalked, giveClaimed, reread } from '../stages/claims.ts';
import type { Scene } from '../stages/scene.ts';
import { type ClaimLine, type Opened, openClaimPool, stoppedBy } from './claim-opening.ts';
import { busy, type ClaimAnswer } from './claimable.ts';
import type { Claimed } from './claimed.ts';
import type { Drain } from './gathering.ts';
import type { Line } from './line.ts';

/**
 * The life of a pool of claims: move + begin ▸ send ▸ settle ▸ the stages that are left. What came of each
 * is in the ledger then, and `look` finds it there. Where it is not known what became of a call, the
 * customer is told to come again, and settlement brings the pool to its end.
 */
export async function giveClaims(
  line: ClaimLine,
  drain: Drain<Claimed>,
  look: (asked: Claimed) => void,
): Promise<void> {
  const opened = await openClaimPool(line, drain, look);
  if (!opened) return;
  const { scene, asked } = opened;
  const answer = await live(line.line, opened);
  for (const one of asked) {
    if (answer) one.answer(answer);
    else look(one);
  }
  void end(line.line, scene);
}

/** Undefined: what became of the claims is in the ledger. */
async function live(
  { tenant, house }: Line,
  { scene, send }: Opened,
): Promise<ClaimAnswer | undefined> {
  try {
    const performed = await send();
    const stopped =
      performed.ended === 'stopped' ? performed.why : await giveClaimed(await reread(scene));
    return stopped && stopped !== 'stale' ? stoppedBy(stopped) : undefined;
  } catch (error) {
    const facts = { tenant, batch: scene.batch.number, error: String(error) };
    house.log.warn(facts, 'a pool of claims was broken off; settlement brings it to its end');
    return busy;
  }
}

/** Its redemptions and confirmation are settlement's, as is all that is left open. */
async function end({ tenant, house }: Line, scene: Scene): Promise<void> {
  const { pool, campaign, batch } = scene;
  try {
    const { settleDone: _, ...plain } = await reread(scene);
    await finishWalked(plain);
    await handOverClaims(pool, campaign.ref, batch.number);
  } catch (error) {
    house.log.warn({ tenant, error: String(error) }, 'settlement ends a pool of claims');
  }
  house.kickSettlement(tenant);
}
