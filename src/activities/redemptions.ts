import { campaignOf } from '../ledger/campaigns.ts';
import { claimBatch } from '../ledger/columns.ts';
import { clearRedemptionsDue, type DueBatch } from '../ledger/redemptions.ts';
import type { Debt } from '../ledger/unsettled.ts';
import { maxPerCall } from '../stages/redeem.ts';
import { redeemTogether } from '../stages/redeem-together.ts';
import type { Scene } from '../stages/scene.ts';
import { sceneOf } from './batch.ts';
import type { Activated } from './house.ts';

/** A batch whose redemptions may be told now; small pools of its campaign share its call. */
export interface RedemptionDebt extends Debt {
  more?: number[];
}

/** Lays small pools of one campaign together, as many as one call takes; the soonest stay first. */
export function together(due: readonly DueBatch[]): RedemptionDebt[] {
  const debts: RedemptionDebt[] = [];
  const open = new Map<number, { debt: RedemptionDebt; size: number }>();
  for (const { campaign, number, pooled } of due) {
    const known = open.get(campaign);
    if (pooled !== null && known && known.size + pooled <= maxPerCall) {
      known.debt.more = [...(known.debt.more ?? []), number];
      known.size += pooled;
      continue;
    }
    const debt = { campaign, number };
    debts.push(debt);
    if (pooled !== null && pooled < maxPerCall) open.set(campaign, { debt, size: pooled });
  }
  return debts;
}

/** Tells the redemptions of many pools in one call; false where they must go one by one. */
export async function redeemPools(
  house: Activated,
  campaign: number,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<boolean> {
  const { pool } = house;
  const row = await campaignOf(pool, campaign);
  const scenes: Scene[] = [];
  for (const number of numbers) {
    scenes.push(sceneOf(house, row, await claimBatch(pool, campaign, number), signal));
  }
  if ((await redeemTogether(scenes)) === 'apart') return false;
  for (const number of numbers) await clearRedemptionsDue(pool, { campaign, number });
  return true;
}
