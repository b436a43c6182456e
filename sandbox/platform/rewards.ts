import { has, REWARDED } from '../books.ts';
import type { Campaign } from '../campaign.ts';
import { uniqueCode } from '../promotions/promotion.ts';
import type { Tenant } from '../tenant.ts';
import type { Allocation } from './allocations.ts';

/** Compares what an allocation gives with what Promotions allowed, and every unique code too. */
export function judgeRewards(
  tenant: Tenant,
  campaign: Campaign,
  position: number,
  allocation: Allocation,
): void {
  const { customerId, promoCode, rewards } = allocation;
  const promotion = tenant.promotions.get(promoCode);
  const { books, violations, id } = campaign;
  const isValidated = has(books.assignments, position, REWARDED);
  const { flow } = campaign.options;
  if (!isValidated && (flow === 'publisher' || flow === 'automatic')) {
    violations.add('given but not awarded', id, customerId, promoCode);
    return;
  }
  if (!isValidated && promotion !== undefined && campaign.calls.has('validate')) {
    violations.add('more than validated', id, customerId, `${promoCode} was never validated`);
    return;
  }
  const tier = promotion?.tiers[(books.tiers[position] ?? 0) - 1];
  const allowed = isValidated && tier !== undefined ? tier.rewards : [];
  for (const { rewardTypeId } of rewards) {
    const over = totalOf(rewards, rewardTypeId) - totalOf(allowed, rewardTypeId);
    if (over <= 0) continue;
    const detail = `${over} ${rewardTypeId} too many for ${promoCode}`;
    violations.add('more than validated', id, customerId, detail);
    break;
  }
  const number = books.uniqueCodes?.[position] ?? 0;
  const own = promotion && number > 0 ? uniqueCode(promotion, number - 1) : undefined;
  for (const { code } of rewards) {
    if (typeof code === 'string') judgeCode(tenant, campaign, position, code, own, allocation);
  }
}

function totalOf(rewards: { rewardTypeId: string; value: number }[], type: string): number {
  let total = 0;
  for (const { rewardTypeId, value } of rewards) if (rewardTypeId === type) total += value;
  return total;
}

function judgeCode(
  { uniqueOwners }: Tenant,
  { number, violations, id }: Campaign,
  position: number,
  code: string,
  own: string | undefined,
  { customerId, key }: Allocation,
): void {
  const entry = uniqueOwners.find(code);
  if (entry < 0) uniqueOwners.add(code, 1, number, position);
  const isOwner =
    entry < 0 ||
    (uniqueOwners.campaign(entry) === number && uniqueOwners.position(entry) === position);
  if (!isOwner) violations.add('unique code given twice', id, customerId, `${code} by ${key}`);
  else if (code !== own) {
    violations.add('more than validated', id, customerId, `${code} is not this customer's`);
  }
}
