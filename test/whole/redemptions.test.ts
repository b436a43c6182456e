import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

const apiKey = 'key-of-the-platform';

let house: House;
beforeAll(async () => {
  house = await openHouse({
    immediate: { section: { apiKeys: [apiKey] } },
    sent: {
      section: {
        apiKeys: [apiKey],
        scheduled: { conditional: 'off', executed: 'executions', redeemEveryMinutes: 0 },
        listeners: { 13: ['504'] },
      },
    },
  });
});
afterAll(() => house.close());

const answered = z.object({ results: z.array(z.object({ status: z.string() })) });

/** The customers of a campaign that hold their rewards, each with the code. */
async function holders(
  tenant: string,
  campaignId: string,
): Promise<{ customerId: string; promoCode: string }[]> {
  const found = await house.pool.query<{ customerId: string; promoCode: string }>(
    `select m.customer as "customerId", m.code as "promoCode" from member m
     join campaign c on c.ref = m.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2 and m.state = 'allocated'
     order by m.batch, m.position`,
    [tenant, campaignId],
  );
  return found.rows;
}

/** The platform reports what these have used; returns how often each status was answered. */
async function report(
  tenant: string,
  campaignId: string,
  used: readonly { customerId: string; promoCode: string }[],
): Promise<Record<string, number>> {
  const url = house.hookUrl(tenant).replace(/\/hooks\/.*/, `/redemptions/${tenant}`);
  const redemptions = used.map((one, index) => ({
    ...{ ...one, campaignId, usedAt: new Date().toISOString() },
    redemptionId: `${campaignId}-${index}`,
  }));
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ redemptions }),
  });
  const { results } = answered.parse(await answer.json());
  const counts: Record<string, number> = {};
  for (const { status } of results) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** Everything but what was used is taken back by event 4. */
async function deleteCampaign(tenant: string, id: string, used: number): Promise<void> {
  await house.sandbox.cancel(tenant, id);
  const { counts } = await until('the end of the campaign', async () => {
    const campaign = await ended(house, tenant, id);
    return campaign.summary?.['reason'] === 'deleted' ? campaign : undefined;
  });
  expect(counts.states).toMatchObject({ used });
  expect(counts.states['allocated']).toBeUndefined();
  const { books } = await expectSound(house, tenant, id);
  expect(books.allocated).toBe(used);
}

describe.concurrent('what customers have used', () => {
  it('is not told again where it was told when it was given, and stays after event 4', async () => {
    const id = house.createCampaign('immediate', { customers: 400, deadlineInSeconds: 120 });
    await house.sandbox.announce('immediate', id);
    await ended(house, 'immediate', id);
    const { redeemed } = house.sandbox.verdict('immediate', id);
    const used = (await holders('immediate', id)).slice(0, 150);
    expect(await report('immediate', id, used)).toEqual({ already_told: 150 });
    expect(await report('immediate', id, used)).toEqual({ already_used: 150 });
    await deleteCampaign('immediate', id, 150);
    expect(house.sandbox.verdict('immediate', id).redeemed).toBe(redeemed);
  });

  it('is told to Promotions once, where nobody has told of it before', async () => {
    const id = house.createCampaign('sent', { customers: 400, flow: 'executions' });
    await house.sandbox.execute('sent', id);
    const all = await until('all rewards', async () => {
      const held = await holders('sent', id);
      const { allocated } = house.sandbox.verdict('sent', id);
      return allocated > 0 && held.length === allocated ? held : undefined;
    });
    const used = all.slice(0, 150);
    expect(await report('sent', id, used)).toEqual({ accepted: 150 });
    const redeemed = () => house.sandbox.verdict('sent', id).redeemed;
    await until('every redemption', () => redeemed() === 150);
    expect(await report('sent', id, used)).toEqual({ already_used: 150 });
    await until('they are known as told', async () => {
      const shown = await house.read('sent', id);
      return shown?.counts.redemptions['told'] === 150;
    });
    await deleteCampaign('sent', id, 150);
    expect(redeemed()).toBe(150);
  });
});
