import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { operatorKey } from './tenancy.ts';
import { until } from './until.ts';

let house: House;

beforeAll(async () => {
  const names = ['held', 'canceled', 'late', 'lost', 'suppressed', 'tenant'];
  house = await openHouse(Object.fromEntries(names.map((name) => [name, {}])));
});
afterAll(() => house.close());

const reason = 'a person looked';

async function act(
  tenant: string,
  path: string,
  body: Record<string, unknown> = {},
): Promise<{ status: number; text: string }> {
  const { origin } = new URL(house.hookUrl(tenant));
  const response = await fetch(`${origin}/api/tenants/${tenant}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason, ...body }),
  });
  const answer: { note?: string; detail?: string } = JSON.parse(await response.text());
  return { status: response.status, text: answer.note ?? answer.detail ?? '' };
}

/** Announces a campaign of 600 customers, and waits until its first call of a kind is slow. */
async function start(tenant: string, slowKind: string): Promise<string> {
  const id = house.createCampaign(tenant, { customers: 600, deadlineInSeconds: 120 });
  house.sandbox.setFaults(tenant, [{ kind: slowKind, fault: 'slow', ms: 1_500, calls: [1] }]);
  await house.sandbox.announce(tenant, id);
  const slow = () => house.sandbox.traffic(tenant).faults[`${slowKind} slow`];
  await until(`the call ${slowKind}`, slow);
  return id;
}

describe.concurrent('an operator', () => {
  it('holds a campaign, and releases it', async () => {
    const id = await start('held', 'validate');
    expect(await act('held', `campaigns/${id}/hold`)).toMatchObject({ status: 200 });
    const stands = await until('it is held', async () => {
      const campaign = await house.read('held', id);
      const { status } = await house.client.workflow.getHandle(`held/campaign/${id}`).describe();
      return campaign?.held === reason && status.name === 'RUNNING' ? campaign : undefined;
    });
    expect(stands).toMatchObject({ heldBy: 'tests', phase: 'running' });
    expect(house.sandbox.verdict('held', id)).toMatchObject({ allocated: 0, approved: 0 });
    expect(await act('held', `campaigns/${id}/retry`)).toEqual({
      status: 409,
      text: expect.stringContaining('still running'),
    });
    expect(await act('held', `campaigns/${id}/release`)).toMatchObject({ status: 200 });
    expect(await act('held', `campaigns/${id}/release`)).toMatchObject({ status: 409 });
    const { summary } = await ended(house, 'held', id);
    expect(summary?.['reason']).toBe('decided');
    const { books } = await expectSound(house, 'held', id);
    expect(books.approved).toBeGreaterThan(400);
  });

  it('holds a tenant, and releases it', async () => {
    const id = await start('tenant', 'validate');
    expect(await act('tenant', 'hold')).toMatchObject({ status: 200 });
    const halfway = await until('nothing is on the wire', async () => {
      const books = house.sandbox.verdict('tenant', id);
      return books.validated > 0 ? books : undefined;
    });
    expect(halfway).toMatchObject({ allocated: 0, approved: 0 });
    expect(await act('tenant', 'release')).toMatchObject({ status: 200 });
    await ended(house, 'tenant', id);
    const { books } = await expectSound(house, 'tenant', id);
    expect(books.approved).toBeGreaterThan(400);
  });

  it('cancels a campaign that was decided: false is told, everything taken back', async () => {
    const id = house.createCampaign('canceled', { customers: 600, deadlineInSeconds: 120 });
    await house.sandbox.announce('canceled', id);
    const before = await ended(house, 'canceled', id);
    expect(before.counts.approved).toBeGreaterThan(400);
    expect(await act('canceled', `campaigns/${id}/cancel`)).toMatchObject({ status: 200 });
    const after = await until('it is canceled', async () => {
      const campaign = await house.read('canceled', id);
      return campaign?.summary?.['reason'] === 'canceled' ? campaign : undefined;
    });
    expect(after).toMatchObject({ fence: 'operator', counts: { approved: 0 } });
    const { books } = await expectSound(house, 'canceled', id);
    expect(books).toMatchObject({
      approved: 0,
      allocated: 0,
      revoked: before.counts.states['allocated'],
    });
    expect(await act('canceled', `campaigns/${id}/retry`)).toMatchObject({ status: 409 });
  });

  it('hears that a cancel comes too late, and how many were told', async () => {
    const id = house.createCampaign('late', { customers: 300, deadlineInSeconds: 300 });
    await house.sandbox.announce('late', id);
    const { counts } = await ended(house, 'late', id);
    await house.pool.query(
      `update campaign c set deadline = now(), stop = now(), last_report = now()
       from tenant t where t.ref = c.tenant and t.name = 'late' and c.id = $1`,
      [id],
    );
    expect(await act('late', `campaigns/${id}/cancel`)).toEqual({
      status: 409,
      text: expect.stringContaining(`${counts.approved} customers were told true`),
    });
    expect(await house.read('late', id)).toMatchObject({ fence: null });
  });

  it('retries a campaign whose run is gone', async () => {
    const id = await start('lost', 'allocations');
    await house.client.workflow.getHandle(`lost/campaign/${id}`).terminate('for the test');
    // What was on the wire is waited for by whoever comes next: here it is answered first.
    await until('nothing is on the wire', async () => {
      const open = await house.pool.query(
        `select from effect e join campaign c on c.ref = e.campaign join tenant t on t.ref = c.tenant
         where t.name = 'lost' and e.outcome is null`,
      );
      return open.rowCount === 0;
    });
    expect(await act('lost', `campaigns/${id}/retry`)).toEqual({
      status: 200,
      text: expect.stringContaining('lost its run'),
    });
    const { epoch, summary } = await ended(house, 'lost', id);
    expect({ epoch, reason: summary?.['reason'] }).toEqual({ epoch: 1, reason: 'decided' });
    await expectSound(house, 'lost', id);
  });

  it('suppresses a customer who was approved: told false, then revoked', async () => {
    const id = house.createCampaign('suppressed', { customers: 300, deadlineInSeconds: 300 });
    await house.sandbox.announce('suppressed', id);
    await ended(house, 'suppressed', id);
    const found = await house.pool.query<{ customer: string }>(
      `select m.customer from member m
       join campaign c on c.ref = m.campaign join tenant t on t.ref = c.tenant
       where t.name = 'suppressed' and c.id = $1 and m.clearance = 'approved' limit 1`,
      [id],
    );
    const customerId = found.rows[0]?.customer ?? '';
    const customerIds = [customerId];
    expect(await act('suppressed', 'suppressions', { customerIds })).toMatchObject({ status: 200 });
    const assignments = await until('it is settled', async () => {
      const shown = await house.timeline('suppressed', id, customerId);
      return shown.every(({ state }) => state === 'revoked') ? shown : undefined;
    });
    for (const { clearance, reason: why } of assignments) {
      expect({ clearance, why }).toEqual({ clearance: 'denied', why: 'suppressed' });
    }
    const { counts, books } = await expectSound(house, 'suppressed', id);
    expect(books.approved).toBe(counts.approved);
    expect(books.allocatedNotApproved).toBe(0);
  });
});
