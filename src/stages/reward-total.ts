import { isHeld } from '../domain/assignment.ts';
import { exceededTotals, holdByGuard, rememberRewardSum } from '../ledger/guards.ts';
import type { Member } from '../ledger/packing.ts';
import type { Scene } from './scene.ts';

/** What this batch gives counts before its first allocation begins, so that no two pass together. */
export async function addToTotal(scene: Scene, given: Member[]): Promise<void> {
  const limited = Object.keys(scene.plan.limits.maxRewardTotal ?? {});
  if (limited.length === 0) return;
  const holders = scene.batch.members.filter((member) => isHeld(member.state));
  const sums = new Map(limited.map((type) => [type, 0]));
  for (const { rewards } of [...holders, ...given]) {
    for (const { rewardTypeId, value } of rewards) {
      const sum = sums.get(rewardTypeId);
      if (sum !== undefined) sums.set(rewardTypeId, sum + value);
    }
  }
  await rememberRewardSum(scene.pool, scene.batch, sums);
}

/** `begin` has answered *held*: where the guard of the reward total said so, the hold is set for it. */
export async function holdOverTotal(scene: Scene): Promise<void> {
  const { pool, campaign } = scene;
  const exceeded = await exceededTotals(pool, campaign.ref);
  if (exceeded.length === 0) return;
  const totals = exceeded.map(
    ({ rewardTypeId, total, ceiling }) =>
      `${total} of ${rewardTypeId}, over the limit of ${ceiling}`,
  );
  const reason = `its customers are about to be given ${totals.join(', and ')}`;
  const rewards = Object.fromEntries(exceeded.map((one) => [one.rewardTypeId, one.total]));
  await holdByGuard(scene, campaign, reason, { rewards });
}
