import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bringToSending, differences, flows, fulfilled, tenancyOf } from './flows.ts';
import { type House, openHouse } from './house.ts';
import { until } from './until.ts';

let house: House;

/** Each call that gives, or decides, after which an answer is lost. */
const lost = [
  { flow: 'publisher', kind: 'publish' },
  { flow: 'publisher', kind: 'allocations' },
  { flow: 'automatic', kind: 'allocations' },
  { flow: 'executions', kind: 'allocations' },
] as const;
const named = (test: string, flow: string) => `${test}-${flow}`;

beforeAll(async () => {
  house = await openHouse({
    ...Object.fromEntries(
      ['plain', 'twice', 'deleted', 'both'].flatMap((test) =>
        flows.map((flow) => [named(test, flow), tenancyOf(flow)]),
      ),
    ),
    ...Object.fromEntries(lost.map(({ flow, kind }) => [named(kind, flow), tenancyOf(flow)])),
    lead: tenancyOf('executions'),
    later: tenancyOf('executions'),
    shadow: { section: { scheduled: { conditional: 'shadow' } } },
  });
});
afterAll(() => house.close());

const population = { customers: 400, deniedShare: 0.02 };

describe.concurrent('a campaign that is followed beyond its sending', () => {
  it.each(flows)(
    'of the flow %s gives everybody what is his, and both sides count the same',
    async (flow) => {
      const tenant = named('plain', flow);
      const id = await bringToSending(house, tenant, flow, population);
      await house.sandbox.execute(tenant, id);
      const { summary, counts, phase } = await fulfilled(house, tenant, id);
      expect({ phase, reason: summary?.['reason'] }).toEqual({ phase: 'closed', reason: 'given' });
      expect(counts.states['allocated']).toBeGreaterThan(300);
      // Nobody of them is ever reported by us.
      expect(house.sandbox.verdict(tenant, id).calls['status']).toBeUndefined();
      expect(await differences(house, tenant, id)).toEqual([]);
    },
  );

  it.each(flows)(
    'of the flow %s gives once, however often and by how many channels it is told',
    async (flow) => {
      const tenant = named('twice', flow);
      const channels = [504, 505, 506];
      const id = await bringToSending(house, tenant, flow, { ...population, channels });
      await house.sandbox.execute(tenant, id, { times: 2, parallel: true });
      await fulfilled(house, tenant, id);
      await house.sandbox.execute(tenant, id);
      await fulfilled(house, tenant, id);
      expect(await differences(house, tenant, id)).toEqual([]);
    },
  );

  it.each(lost)(
    'loses and doubles nothing with a lost answer to $kind of the flow $flow',
    async ({ flow, kind }) => {
      const tenant = named(kind, flow);
      house.sandbox.setFaults(tenant, [{ kind, fault: 'reset', calls: [1] }]);
      const id = await bringToSending(house, tenant, flow, population);
      await house.sandbox.execute(tenant, id);
      const { counts } = await fulfilled(house, tenant, id);
      expect(house.sandbox.traffic(tenant).faults).toEqual({ [`${kind} reset`]: 1 });
      expect(counts.states['lapsed']).toBeUndefined();
      expect(await differences(house, tenant, id)).toEqual([]);
    },
  );

  it.each(flows)(
    'of the flow %s takes everything back when it is deleted after it was given',
    async (flow) => {
      const tenant = named('deleted', flow);
      const id = await bringToSending(house, tenant, flow, population);
      await house.sandbox.execute(tenant, id);
      const { counts } = await fulfilled(house, tenant, id);
      await house.sandbox.cancel(tenant, id, { times: 2 });
      await deleted(tenant, id);
      const books = house.sandbox.verdict(tenant, id);
      expect(books).toMatchObject({ allocated: 0, revoked: counts.states['allocated'] });
      expect(await differences(house, tenant, id)).toEqual([]);
    },
  );

  it.each(flows)(
    'of the flow %s leaves nothing when it is deleted while it is given',
    async (flow) => {
      const tenant = named('both', flow);
      const id = await bringToSending(house, tenant, flow, population);
      house.sandbox.setFaults(tenant, [
        { kind: 'allocations', fault: 'slow', ms: 1_000, calls: [1] },
      ]);
      await house.sandbox.execute(tenant, id);
      await until(
        'it is being given',
        () => house.sandbox.traffic(tenant).faults['allocations slow'],
      );
      await house.sandbox.cancel(tenant, id);
      await deleted(tenant, id);
      expect(house.sandbox.verdict(tenant, id)).toMatchObject({ allocated: 0, redeemed: 0 });
      expect(await differences(house, tenant, id)).toEqual([]);
    },
  );

  it('gives nothing before its lead time is over, and nothing at all when it is deleted by then', async () => {
    const id = await bringToSending(house, 'lead', 'executions', {
      ...population,
      leadTimeDays: 2,
    });
    await house.sandbox.execute('lead', id);
    await until('it waits for its lead time', async () => {
      const found = await house.pool.query(
        `select from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
         where t.name = 'lead' and f.wakes_at > now()`,
      );
      return found.rowCount === 1;
    });
    expect(house.sandbox.verdict('lead', id)).toMatchObject({ sent: 400, allocated: 0 });
    await house.sandbox.cancel('lead', id);
    await deleted('lead', id);
    expect(house.sandbox.traffic('lead').calls['allocations']).toBeUndefined();
    expect(await differences(house, 'lead', id)).toEqual([]);
  });

  it('gives who comes later, where nobody had been sent it when event 13 was heard', async () => {
    const tenant = 'later';
    const id = await bringToSending(house, tenant, 'executions', population);
    house.sandbox.setFaults(tenant, [{ kind: 'executions', fault: '500', toCall: 3 }]);
    await house.sandbox.execute(tenant, id, { event: 1 });
    // Without listeners.1 event 1 is only recorded.
    await house.sandbox.execute(tenant, id);
    await fulfilled(house, tenant, id);
    expect(await differences(house, tenant, id)).toEqual([]);
  });

  it('of a shadow does nothing that anybody notices, and says whom it would have let pass', async () => {
    const id = house.createCampaign('shadow', { ...population, deadlineInSeconds: 120 });
    await house.sandbox.announce('shadow', id);
    const campaign = await until('the shadow has passed', async () => {
      const shown = await house.read('shadow', id);
      return shown?.phase === 'closed' ? shown : undefined;
    });
    const { states } = campaign.counts;
    expect((states['lapsed'] ?? 0) + (states['screened_out'] ?? 0)).toBeGreaterThanOrEqual(400);
    const { calls } = house.sandbox.traffic('shadow');
    expect(Object.keys(calls).sort()).toEqual(['audience', 'details', 'screenings']);
  });
});

async function deleted(tenant: string, id: string): Promise<void> {
  await until('it has been taken back', async () => {
    const shown = await house.read(tenant, id);
    return shown?.summary?.['reason'] === 'deleted' && (await house.isQuiet(tenant, id));
  });
}
