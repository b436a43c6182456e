import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearances, states } from '../../src/domain/assignment.ts';
import { dayIn } from '../../src/domain/calendar.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { promoflow, type Run } from '../cli/command.ts';
import { bringToSending, flows, fulfilled, tenancyOf } from './flows.ts';
import { type House, openHouse } from './house.ts';
import { ended } from './judgement.ts';
import { operatorKey } from './tenancy.ts';
import { until } from './until.ts';

let house: House;

const soon = { section: { scheduled: { executionDelayMinutes: 0 } } };

beforeAll(async () => {
  house = await openHouse({
    ...Object.fromEntries(flows.map((flow) => [flow, tenancyOf(flow)])),
    ...{ managed: soon, deleted: {}, damaged: {}, running: {} },
    nightly: { section: { timeZone: 'Europe/Malta' } },
  });
});
afterAll(() => house.close());

const population = { customers: 400, deadlineInSeconds: 120, executionDelayMinutes: 0 };

function reconcile(tenant: string, ...args: string[]): Promise<Run> {
  const { origin } = new URL(house.hookUrl(tenant));
  const variables = { PROMOFLOW_URL: origin, PROMOFLOW_KEY: operatorKey };
  return promoflow(['reconcile', '--tenant', tenant, ...args], variables);
}

/** Has the first member of a state stand otherwise in the ledger, without anybody's doing. */
async function damage(
  tenant: string,
  id: string,
  of: { state: (typeof states)[number]; become: (typeof states)[number]; told: number },
): Promise<void> {
  await house.pool.query(
    `update batch b set version = b.version + 1, state = set_byte(b.state, f.position - 1, $4),
       clearance = set_byte(b.clearance, f.position - 1, $5),
       redemption = set_byte(b.redemption, f.position - 1, 0)
     from (select f.* from fact f join campaign c on c.ref = f.campaign
       join tenant t on t.ref = c.tenant
       where t.name = $1 and c.id = $2 and f.state = $3 order by f.batch, f.position limit 1) f
     where b.campaign = f.campaign and b.number = f.batch`,
    [tenant, id, states.indexOf(of.state), states.indexOf(of.become), of.told],
  );
}

describe.concurrent('promoflow reconcile', () => {
  it.each(flows)('finds nothing in a clean campaign of the flow %s', async (flow) => {
    const id = await bringToSending(house, flow, flow, { customers: 300, deniedShare: 0.02 });
    await house.sandbox.execute(flow, id);
    await fulfilled(house, flow, id);
    const { code, out, err } = await reconcile(flow, '--campaign', id);
    expect({ code, err, out }).toEqual({
      ...{ code: 0, err: '' },
      out: expect.stringMatching(/1 campaigns, \d+ batches; nothing differs/),
    });
  });

  it('finds nothing in a campaign that was deleted', async () => {
    const id = house.createCampaign('deleted', population);
    await house.sandbox.announce('deleted', id);
    await ended(house, 'deleted', id);
    await house.sandbox.cancel('deleted', id);
    await ended(house, 'deleted', id);
    expect(await reconcile('deleted', '--campaign', id)).toMatchObject({ code: 0, err: '' });
  });

  it('lists who holds and was not sent, takes it back, and then finds nothing', async () => {
    const tenant = 'managed';
    const id = house.createCampaign(tenant, { ...population, notSentShare: 0.1 });
    await house.sandbox.announce(tenant, id);
    await ended(house, tenant, id);
    await house.sandbox.execute(tenant, id);
    await fulfilled(house, tenant, id);
    const held = house.sandbox.verdict(tenant, id).heldNotSent;
    expect(held).toBeGreaterThan(10);

    const listed = await reconcile(tenant, '--campaign', id);
    expect(listed).toMatchObject({ code: 3, err: '' });
    const command = `promoflow reconcile --campaign ${id} --repair`;
    const lines = listed.out.split('\n').filter((line) => line.includes(command));
    expect(lines.length).toBeGreaterThanOrEqual(held);
    // The campaign is one of the day on which it was sent.
    const today = dayIn('UTC', Date.now());
    const daily = await reconcile(tenant, '--date', today, '--json');
    expect(daily.code).toBe(3);
    const { counts, differences } = JSON.parse(daily.out);
    expect(counts).toEqual({ held_not_sent: lines.length });
    expect(differences).toHaveLength(lines.length);

    expect(await reconcile(tenant, '--campaign', id, '--repair')).toMatchObject({ code: 0 });
    expect(house.sandbox.verdict(tenant, id).heldNotSent).toBe(0);
    const { calls } = house.sandbox.verdict(tenant, id);
    expect(await reconcile(tenant, '--campaign', id, '--repair')).toMatchObject({ code: 0 });
    expect(house.sandbox.verdict(tenant, id).calls['revocations']).toBe(calls['revocations']);
  });

  it('mends a ledger that was damaged, at the platform', async () => {
    const tenant = 'damaged';
    const id = house.createCampaign(tenant, population);
    await house.sandbox.announce(tenant, id);
    await ended(house, tenant, id);
    const before = house.sandbox.verdict(tenant, id);
    const [approved, denied] = [clearances.indexOf('approved'), clearances.indexOf('denied')];
    await damage(tenant, id, { state: 'allocated', become: 'lapsed', told: denied });
    await damage(tenant, id, { state: 'screened_out', become: 'allocated', told: approved });
    const found = await reconcile(tenant, '--campaign', id, '--json');
    expect(JSON.parse(found.out).counts).toEqual({ held_not_approved: 1, approved_not_held: 1 });
    expect(await reconcile(tenant, '--campaign', id, '--repair')).toMatchObject({ code: 0 });
    const after = house.sandbox.verdict(tenant, id);
    expect([after.allocated - before.allocated, after.revoked - before.revoked]).toEqual([0, 1]);
  });

  it('is done of itself every night, by the clock of the tenant', async () => {
    const { schedule } = house.client;
    const handle = schedule.getHandle(workflowId.reconciliation('nightly', 'nightly'));
    const { spec } = await until('the schedule is there', () =>
      handle.describe().catch(() => null),
    );
    expect(spec).toMatchObject({ timezone: 'Europe/Malta' });
    expect(spec.calendars?.[0]?.hour).toEqual([{ start: 4, end: 4, step: 1 }]);
    await handle.trigger();
    const yesterday = dayIn('Europe/Malta', Date.now() - 86_400_000);
    await until('the day before is reconciled', async () => {
      const found = await house.pool.query(
        `select from reconciliation r join tenant t on t.ref = r.tenant
         where t.name = 'nightly' and r.subject = $1 and r.is_nightly and r.ended_at is not null`,
        [yesterday],
      );
      return found.rowCount === 1;
    });
  });

  it('says what it cannot do', async () => {
    expect(await reconcile('running', '--campaign', 'nobody')).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('no campaign of this id') },
    });
    expect(await reconcile('running', '--date', 'yesterday')).toMatchObject({ code: 2 });
    const both = await reconcile('running', '--date', '2026-11-20', '--campaign', '1');
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining('not both') });
    const id = house.createCampaign('running', population);
    house.sandbox.setFaults('running', [{ kind: 'validate', fault: 'slow', ms: 3_000 }]);
    await house.sandbox.announce('running', id);
    expect(await reconcile('running', '--campaign', id)).toMatchObject({
      ...{ code: 1, err: expect.stringMatching(/is not over|no books/) },
    });
  });
});
