import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verify } from '../../src/ledger/invariants.ts';
import { type House, openHouse } from './house.ts';
import { token } from './tenancy.ts';
import { until } from './until.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse({
    payload: { section: { triggered: { gate: 'off', executed: 'payload' } } },
    awarded: { section: { triggered: { gate: 'off', executed: 'assignments' } } },
    confirming: { section: { triggered: { executed: 'payload' } } },
  });
});
afterAll(() => house.close());

const everybody = { deniedShare: 0, declinedShare: 0, noTierShare: 0 };

/** Waits until every event was heard and given, and its redemption told. */
async function given(tenant: string, id: string): Promise<void> {
  await until('all is given, and told', async () => {
    const waiting = await house.pool.query(
      `select from inbox i join tenant t on t.ref = i.tenant where t.name = $1 and i.status = 'queued'
       union all select from batch b join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
       where t.name = $1 and (not b.finished or b.redemptions_due_at is not null)`,
      [tenant],
    );
    const { triggered } = house.sandbox.verdict(tenant, id);
    return waiting.rowCount === 0 && triggered?.events.open === 0;
  });
  const invariants = await verify(house.pool, { tenant, campaign: id });
  expect(invariants.flatMap(({ examples }) => examples)).toEqual([]);
}

describe('event 11', () => {
  it.each([
    ['payload', 'tenant'],
    ['awarded', 'optimove'],
  ] as const)('by the %s gives each customer once, and redeems it', async (tenant, awardedBy) => {
    const id = house.sandbox.createTriggered(tenant, {
      ...{ ...everybody, awardedBy, hookUrl: house.hookUrl(tenant) },
    });
    const fire = { perSecond: 40, forSeconds: 3, times: 2, arrivals: 'even' } as const;
    await house.sandbox.fireEvents(tenant, id, { ...fire, codesAs: 'mixed', fieldsAs: 'mixed' })
      .finished;
    await given(tenant, id);
    const { triggered, violations, ...books } = house.sandbox.verdict(tenant, id);
    expect(violations).toEqual([]);
    expect(triggered).toMatchObject({ toldNotHeld: 0 });
    expect(triggered?.events).toMatchObject({ refused: 0, unanswered: 0, connectionFailures: 0 });
    const customers = (triggered?.events.events ?? 0) / 2;
    expect(customers).toBeGreaterThan(100);
    expect(books).toMatchObject({ allocated: customers, redeemed: customers });
  });

  it('confirms whom the gate allowed, and gives nothing again', async () => {
    const tenant = 'confirming';
    const hookUrl = house.hookUrl(tenant);
    const gateUrls = [hookUrl.replace(`/hooks/${tenant}/${token}`, `/gate/${tenant}/${token}`)];
    const id = house.sandbox.createTriggered(tenant, { ...everybody, hookUrl, gateUrls });
    await house.sandbox.fireChecks(tenant, id, { perSecond: 20, forSeconds: 2 }).finished;
    await house.sandbox.fireEvents(tenant, id, { who: 'sent', perSecond: 30, forSeconds: 3 })
      .finished;
    await given(tenant, id);
    const { triggered, violations, ...books } = house.sandbox.verdict(tenant, id);
    // How long a check took is for the measurements to say.
    expect(violations.filter((one) => !one.startsWith('answered late'))).toEqual([]);
    const sent = triggered?.checks.sent ?? 0;
    expect(sent).toBeGreaterThan(0);
    expect(triggered).toMatchObject({ toldNotHeld: 0, instancesTold: sent });
    expect(triggered?.events).toMatchObject({ heard: sent, refused: 0 });
    expect(books.allocated).toBeGreaterThanOrEqual(sent);
    expect(books.redeemed).toBe(books.allocated);
    // Many small pools share a call (API §10.7 takes 1,000).
    expect(house.sandbox.traffic(tenant).calls['redemptions'] ?? 0).toBeLessThan(books.allocated);
  });
});
