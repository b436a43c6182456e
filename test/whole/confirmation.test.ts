import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fulfilled } from './flows.ts';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

const soon = { executionDelayMinutes: 0 };

beforeAll(async () => {
  house = await openHouse({
    list: { section: { scheduled: soon } },
    revoke: { section: { scheduled: { ...soon, notSent: 'revoke' } } },
    channels: { section: { scheduled: { ...soon, notSent: 'revoke' } } },
    unknown: { section: { scheduled: { ...soon, clearanceMarginSeconds: 2 } } },
  });
});
afterAll(() => house.close());

const population = { customers: 400, deadlineInSeconds: 120, executionDelayMinutes: 0 };

async function decided(tenant: string, options: Partial<Parameters<House['createCampaign']>[1]>) {
  const id = house.createCampaign(tenant, { ...population, ...options });
  await house.sandbox.announce(tenant, id);
  return { id, before: await ended(house, tenant, id) };
}

describe.concurrent('event 13 of a managed campaign', () => {
  it('leaves the rewards of who was not sent, and tells a person of them', async () => {
    const { id, before } = await decided('list', { notSentShare: 0.1 });
    await house.sandbox.execute('list', id);
    await fulfilled(house, 'list', id);
    const { counts, books } = await expectSound(house, 'list', id);
    expect(books.heldNotSent).toBeGreaterThan(10);
    expect(counts.states['allocated']).toBe(before.counts.states['allocated']);
    await until('a person is told', async () => {
      const told = await house.pool.query("select from alert where kind = 'not_sent'");
      return told.rowCount === 1;
    });
  });

  it('takes back the rewards of who was not sent, where the tenant says so', async () => {
    const { id, before } = await decided('revoke', { notSentShare: 0.1 });
    await house.sandbox.execute('revoke', id);
    await fulfilled(house, 'revoke', id);
    const { counts, books } = await expectSound(house, 'revoke', id);
    expect(books).toMatchObject({ heldNotSent: 0, sentNotHeld: 0 });
    expect(counts.states['revoked']).toBeGreaterThan(10);
    const { allocated = 0, revoked = 0 } = counts.states;
    expect(allocated + revoked).toBe(before.counts.states['allocated']);
  });

  it('decides nothing before the last channel has been told of', async () => {
    const tenant = 'channels';
    const { id } = await decided(tenant, { channels: [504, 505], channelShare: 0.6 });
    await house.sandbox.execute(tenant, id, { channelId: 504 });
    await until('the first channel has been read, and waits for the other', async () => {
      const waits = await house.pool.query(
        `select from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
         where t.name = $1 and f.collected_at is not null and f.wakes_at > now()`,
        [tenant],
      );
      return waits.rowCount === 1;
    });
    expect(house.sandbox.verdict(tenant, id).revoked).toBe(0);
    await house.sandbox.execute(tenant, id, { channelId: 505 });
    await until('the rest is taken back', () => house.sandbox.verdict(tenant, id).revoked > 0);
    await until('nobody holds what he was not sent', () => {
      const { heldNotSent, sentNotHeld } = house.sandbox.verdict(tenant, id);
      return heldNotSent === 0 && sentNotHeld === 0;
    });
    await expectSound(house, tenant, id);
  });

  it('settles an approval whose answer was lost', async () => {
    const tenant = 'unknown';
    const id = house.createCampaign(tenant, { ...population, deadlineInSeconds: 6 });
    // The report is heard, its answer is not, and neither is any answer to its repeats.
    house.sandbox.setFaults(tenant, [{ kind: 'status', fault: 'reset' }]);
    await house.sandbox.announce(tenant, id);
    const { counts: before } = await ended(house, tenant, id);
    expect(before.unknown).toBeGreaterThan(300);
    await house.sandbox.execute(tenant, id);
    const { counts } = await fulfilled(house, tenant, id);
    expect(counts).toMatchObject({ unknown: 0, approved: before.unknown });
    await expectSound(house, tenant, id);
  });
});
