import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verify } from '../../src/ledger/invariants.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { type House, openHouse } from './house.ts';
import { ended } from './judgement.ts';
import { until } from './until.ts';

const apiKey = 'key-of-the-shop';
const section = {
  apiKeys: [apiKey],
  scheduled: { activation: 'claimed', executionDelayMinutes: 0 },
};

let house: House;

beforeAll(async () => {
  house = await openHouse({ shop: { section }, deleted: { section } });
});
afterAll(() => house.close());

const claimsUrl = (tenant: string) =>
  house.hookUrl(tenant).replace(/\/hooks\/.*/, `/claims/${tenant}`);

/** A campaign whose screened audience was approved, at its execution. */
async function executed(tenant: string): Promise<string> {
  const deadline = Date.now() + 12_000;
  const id = house.createCampaign(tenant, {
    ...{ customers: 400, activation: 'claimed', executionDelayMinutes: 0, deniedShare: 0.1 },
    clearanceRequiredBy: new Date(deadline).toISOString(),
  });
  await house.sandbox.announce(tenant, id);
  await ended(house, tenant, id);
  await until('the execution', () => Date.now() > deadline + 1_000);
  return id;
}

describe.concurrent('a claimed campaign', () => {
  it('gives each customer one reward at the claim, and confirms it to Optimove', async () => {
    const id = await executed('shop');
    expect(house.sandbox.verdict('shop', id).allocated).toBe(0);
    await house.sandbox.fireClaims('shop', id, {
      ...{ claimsUrl: claimsUrl('shop'), apiKey, perSecond: 60, forSeconds: 3 },
      ...{ doubleShare: 0.2, otherClaimShare: 0.2, doubleAfterMs: 30, strangerShare: 0.05 },
    }).finished;
    const claims = () => house.sandbox.claims('shop', id);
    expect(claims()).toMatchObject({ malformed: 0, unanswered: 0, connectionFailures: 0 });
    expect(claims().customersGranted).toBeGreaterThan(50);
    await until(
      'every confirmation',
      () => claims().customersConfirmed === claims().customersGranted,
    );
    const { violations, allocated } = house.sandbox.verdict('shop', id);
    expect(violations).toEqual([]);
    expect(allocated).toBe(claims().customersGranted);
    const { counts } = await until('every redemption', async () => {
      const shown = await house.read('shop', id);
      return shown?.counts.redemptions['queued'] ? undefined : shown;
    });
    expect(counts.states['allocated']).toBe(claims().customersGranted);
    expect(counts.redemptions['told']).toBe(claims().customersGranted);
    const expiry = house.client.workflow.getHandle(
      workflowId.expiry({ tenant: 'shop', campaignId: id }),
    );
    expect((await expiry.describe()).status.name).toBe('RUNNING');
    const verified = await verify(house.pool, { tenant: 'shop' });
    expect(verified.flatMap(({ examples }) => examples)).toEqual([]);
  });

  it('that is deleted takes back what was claimed', async () => {
    const id = await executed('deleted');
    const fire = house.sandbox.fireClaims('deleted', id, {
      ...{ claimsUrl: claimsUrl('deleted'), apiKey, perSecond: 60, forSeconds: 3 },
    });
    const books = () => house.sandbox.verdict('deleted', id);
    await until('some claims', () => books().allocated > 20);
    await house.sandbox.cancel('deleted', id);
    await fire.finished;
    await until('all is taken back', () => books().allocated === 0);
    expect(house.sandbox.verdict('deleted', id).violations).toEqual([]);
    expect(house.sandbox.claims('deleted', id).reasons['canceled']).toBeGreaterThan(0);
  });
});
