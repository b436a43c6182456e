import { expect } from 'vitest';
import type { Campaign } from '../../src/gateway/api/shapes.ts';
import { verify } from '../../src/ledger/invariants.ts';
import type { House } from './house.ts';
import { until } from './until.ts';

/**
 * Waits until a campaign is closed, its redemptions are told and no run of it goes on. Returns what the
 * operator API then says of it.
 */
export function ended(
  house: House,
  tenant: string,
  campaignId: string,
  withinMs?: number,
): Promise<Campaign> {
  return until(
    `campaign ${campaignId} of ${tenant} ends`,
    async () => {
      // In this order: what is read afterwards is the last word.
      if (!(await house.isQuiet(tenant, campaignId))) return undefined;
      const campaign = await house.read(tenant, campaignId);
      const isOver = campaign?.phase === 'closed' && !campaign.counts.redemptions['queued'];
      return isOver ? campaign : undefined;
    },
    withinMs,
  );
}

/**
 * Holds a campaign that has ended against the ledger's invariants and the sandbox's books: no violation
 * on either side, and what both count is equal. Who was approved without our hearing of it counts as
 * approved there and as unknown here.
 */
export async function expectSound(house: House, tenant: string, campaignId: string) {
  const invariants = await verify(house.pool, { tenant, campaign: campaignId });
  const violated = invariants.filter((one) => one.violated > 0);
  expect(violated.map(({ rule, examples }) => ({ rule, examples }))).toEqual([]);
  const books = house.sandbox.verdict(tenant, campaignId);
  expect(books.violations).toEqual([]);
  const campaign = await until('the campaign is shown', () => house.read(tenant, campaignId));
  const { counts } = campaign;
  const heard = books.approved - counts.approved;
  expect(heard).toBeGreaterThanOrEqual(0);
  expect(heard).toBeLessThanOrEqual(counts.unknown);
  expect(counts.denied).toBeLessThanOrEqual(books.denied);
  expect({
    allocated: (counts.states['allocated'] ?? 0) + (counts.states['used'] ?? 0),
    declined: counts.states['declined'] ?? 0,
    redeemed: counts.redemptions['told'] ?? 0,
  }).toEqual({
    allocated: books.allocated,
    declined: books.declined,
    redeemed: books.redeemed,
  });
  return { campaign, counts, books };
}
