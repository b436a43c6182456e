import type { Reward } from '../domain/words.ts';
import { isObject, readId, readNumber } from './atoms.ts';

/** Most rewards one customer has from one code; more is an answer we do not understand. */
const mostRewards = 100;

/**
 * Rewards of one customer, as Promotions (there: effects) or the platform writes them (API §10.5).
 * None, null and absent are an empty list; `undefined` is an answer we do not understand.
 */
export function readRewards(value: unknown): Reward[] | undefined {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value) || value.length > mostRewards) return undefined;
  const rewards: Reward[] = [];
  for (const each of value) {
    const reward = readReward(each);
    if (!reward) return undefined;
    rewards.push(reward);
  }
  return rewards;
}

function readReward(value: unknown): Reward | undefined {
  if (!isObject(value)) return undefined;
  const rewardTypeId = readId(value['rewardTypeId']);
  const amount = readNumber(value['value']);
  if (rewardTypeId === undefined || amount === undefined || amount < 0) return undefined;
  const reward: Reward = { rewardTypeId, value: amount };
  const tierId = readId(value['tierId']);
  const tierName = readId(value['tierName']);
  const code = readId(value['code']);
  if (tierId !== undefined) reward.tierId = tierId;
  if (tierName !== undefined) reward.tierName = tierName;
  if (code !== undefined) reward.code = code;
  return reward;
}
