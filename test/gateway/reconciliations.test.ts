import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dayIn } from '../../src/domain/calendar.ts';
import * as shapes from '../../src/gateway/api/shapes.ts';
import { findCampaign } from '../../src/ledger/campaigns.ts';
import { saveDifferences } from '../../src/ledger/differences.ts';
import { beginReconciliation } from '../../src/ledger/reconciliations.ts';
import { decideCampaign } from './decided-campaign.ts';
import { type Doors, openDoors, operatorKey } from './doors.ts';

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors();
  await (await decideCampaign(doors.pool, '70412')).close();
});
afterAll(() => doors.close());
beforeEach(() => {
  doors.findTemporal();
  doors.asked.length = 0;
});

const path = '/api/tenants/acme/reconciliations';

const started = () => doors.asked.filter(({ what }) => what === 'reconciliation');

describe('the books over HTTP', () => {
  it('are looked at with any key, by default of the day before in the zone of the tenant', async () => {
    const response = await doors.act(path, {}, operatorKey);
    const date = dayIn('Europe/Malta', Date.now() - 86_400_000);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ subject: date, run: 'a-run' });
    expect(started()).toEqual([{ what: 'reconciliation', of: { tenant: 'acme', date } }]);
  });

  it('are repaired with a key that may operate, in its name', async () => {
    const asked = { campaignId: '70412', repair: true };
    const refused = await doors.act(path, asked, operatorKey);
    expect(refused.status).toBe(403);
    expect(started()).toEqual([]);
    expect((await doors.act(path, asked)).status).toBe(202);
    expect(started()).toMatchObject([
      { of: { tenant: 'acme', campaignId: '70412', repairing: { by: 'duty' } } },
    ]);
  });

  it.each([
    [{ campaignId: 'nobody' }, 404, /no campaign of this id/],
    [{ date: '2026-02-31x' }, 400, /date/],
    [{ date: '2026-11-20', campaignId: '70412' }, 400, /not both/],
    [{ day: '2026-11-20' }, 400, /day/],
  ])('refuse %j with %i', async (asked, status, sentence) => {
    const response = await doors.act(path, asked);
    expect(response.status).toBe(status);
    expect(JSON.stringify(await response.json())).toMatch(sentence);
    expect(started()).toEqual([]);
  });

  it('say that nothing was begun where Temporal is away', async () => {
    doors.loseTemporal();
    const response = await doors.act(path, { campaignId: '70412' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  });

  it('tell how far a run is and what differs, page by page, with what mends it', async () => {
    expect((await doors.read(`${path}/70412`)).status).toBe(404);
    const campaign = await findCampaign(doors.pool, { tenant: 'acme', campaignId: '70412' });
    const run = 'run-1';
    await beginReconciliation(doors.pool, {
      ...{ tenant: 'acme', timeZone: 'UTC', subject: { campaignId: '70412' }, run },
      ...{ repairing: undefined, isNightly: false, executed: [] },
    });
    const member = (position: number) => ({
      ...{ position, customerId: `C${position}`, promoCode: 'SPINS', actionId: undefined },
      ...{ instance: 0, rewards: [], reason: undefined, redemption: 'none' as const },
      ...{ state: 'allocated' as const, clearance: 'approved' as const },
    });
    await saveDifferences(doors.pool, { campaign: campaign?.ref ?? 0, batch: 1, run }, [
      { verdict: 'approved_not_held', repair: 'restore', member: member(1) },
      { verdict: 'revoked_at_platform', repair: 'person', member: member(2) },
    ]);
    const read = async (query: string) =>
      shapes.reconciliation.parse(await (await doors.read(`${path}/70412?${query}`)).json());
    const first = await read('limit=1');
    expect(first).toMatchObject({
      ...{ run, repairs: false, endedAt: null, campaigns: 1 },
      counts: { approved_not_held: 1, revoked_at_platform: 1 },
      differences: [{ customerId: 'C1', remedy: 'promoflow reconcile --campaign 70412 --repair' }],
    });
    const second = await read(`limit=1&after=${first.differences[0]?.id}`);
    expect(second.differences).toMatchObject([
      { customerId: 'C2', remedy: expect.stringContaining('ask at the platform') },
    ]);
  });
});
