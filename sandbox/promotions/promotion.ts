import type { PromotionChange, PromotionOptions, Tier } from '../options.ts';

/** A promotion as Promotions runs it: its rules, and how much of its budget is left. */
export interface Promotion {
  code: string;
  promocodeId: string;
  promotionId: string;
  tiers: Tier[];
  active: boolean;
  audienceCap: number | null;
  budgets: Map<string, number>;
  uniqueCodes: number;
  uniqueCodesUsed: number;
  properties: Record<string, string> | undefined;
  /** What Promotions has spent: customers, and value by reward type. */
  spent: Spending;
  /** What the platform holds of it now. */
  held: Spending;
}

export interface Spending {
  customers: number;
  values: Map<string, number>;
}

export function createPromotion(options: PromotionOptions): Promotion {
  const name = options.code.toLowerCase();
  return {
    code: options.code,
    promocodeId: options.promocodeId ?? `pc-${name}`,
    promotionId: options.promotionId ?? `pr-${name}`,
    tiers: options.tiers,
    active: options.state !== 'deactivated',
    audienceCap: options.audienceCap ?? null,
    budgets: budgetsOf(options.rewardBudgets),
    uniqueCodes: options.uniqueCodes,
    uniqueCodesUsed: 0,
    properties: options.properties,
    spent: { customers: 0, values: new Map() },
    held: { customers: 0, values: new Map() },
  };
}

/** Changes state or budget of a promotion, also half way through a campaign. */
export function changePromotion(promotion: Promotion, change: PromotionChange): void {
  if (change.state !== undefined) promotion.active = change.state === 'active';
  if (change.audienceCap !== undefined) promotion.audienceCap = change.audienceCap;
  if (change.rewardBudgets !== undefined) promotion.budgets = budgetsOf(change.rewardBudgets);
}

function budgetsOf(budgets: PromotionChange['rewardBudgets']): Map<string, number> {
  return new Map((budgets ?? []).map(({ rewardTypeId, total }) => [rewardTypeId, total]));
}

/** Would this tier still fit into cap and budgets? */
export function hasRoom(promotion: Promotion, tier: Tier): boolean {
  const { audienceCap, budgets, spent } = promotion;
  if (audienceCap !== null && spent.customers >= audienceCap) return false;
  return tier.rewards.every(({ rewardTypeId, value }) => {
    const total = budgets.get(rewardTypeId);
    return total === undefined || (spent.values.get(rewardTypeId) ?? 0) + value <= total;
  });
}

/** Adds a tier's rewards to a spending, or with -1 takes them back. */
export function spend(spending: Spending, tier: Tier, times: 1 | -1): void {
  spending.customers += times;
  for (const { rewardTypeId, value } of tier.rewards) {
    const before = spending.values.get(rewardTypeId) ?? 0;
    spending.values.set(rewardTypeId, before + times * value);
  }
}

/** What the platform holds beyond cap or budget, in words; undefined while all is within. */
export function excess(promotion: Promotion): string | undefined {
  const { audienceCap, budgets, held } = promotion;
  if (audienceCap !== null && held.customers > audienceCap) {
    return `${held.customers} customers hold ${promotion.code}, the cap is ${audienceCap}`;
  }
  for (const [rewardTypeId, total] of budgets) {
    const value = held.values.get(rewardTypeId) ?? 0;
    if (value > total) return `${value} ${rewardTypeId} given, the budget is ${total}`;
  }
  return undefined;
}

/** The unique code with this number, from 0. */
export function uniqueCode(promotion: Promotion, number: number): string {
  return `${promotion.code}-${(number + 1).toString(36).toUpperCase().padStart(6, '0')}`;
}
