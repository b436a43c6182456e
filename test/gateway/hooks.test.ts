import { afterEach, describe, expect, it } from 'vitest';
import { campaign } from '../../src/gateway/api/shapes.ts';
import { acme, campaignId, type Doors, eventFive, eventually, openDoors, token } from './doors.ts';

let doors: Doors;
afterEach(() => doors.close());

const startsOf = (id: string) =>
  doors.asked.filter(({ what, of }) => what === 'campaign' && JSON.stringify(of).includes(id));

describe('event 5', () => {
  it('five times at once is one row of the inbox and one start', async () => {
    doors = await openDoors();
    const id = campaignId();
    const event = eventFive(id);
    const answers = await Promise.all(Array.from({ length: 5 }, () => doors.hook(event)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await eventually(() => startsOf(id).length > 0);
    await eventually(async () => (await rowsOf(id))[0]?.status === 'started');
    expect(await rowsOf(id)).toEqual([{ status: 'started', times: 5 }]);
    expect(startsOf(id)).toHaveLength(1);
  });

  it('is in the ledger before Temporal hears of it', async () => {
    doors = await openDoors();
    const id = campaignId();
    await doors.hook(eventFive(id, 45));
    await eventually(() => startsOf(id).length === 1);
    const found = await doors.pool.query(
      'select deadline > now() as ahead from campaign where id = $1',
      [id],
    );
    expect(found.rows).toEqual([{ ahead: true }]);
  });

  it('with another deadline signals the run, and the new deadline counts', async () => {
    doors = await openDoors();
    const id = campaignId();
    await doors.hook(eventFive(id, 60));
    await eventually(() => startsOf(id).length === 1);
    await doors.hook(eventFive(id, 120));
    await eventually(() => doors.asked.some(({ what }) => what === 'signal'));
    const answer = await doors.read(`/api/tenants/acme/campaigns/${id}`);
    const { instants } = campaign.parse(await answer.json());
    expect(instants?.deadline).toBeGreaterThan(Date.now() + 110 * 60_000);
  });

  it('is only recorded where scheduled campaigns are off', async () => {
    doors = await openDoors({ settings: acme({ scheduled: { conditional: 'off' } }) });
    const id = campaignId();
    expect((await doors.hook(eventFive(id))).status).toBe(200);
    expect(await rowsOf(id)).toEqual([{ status: 'recorded', times: 1 }]);
  });
});

describe('event 4', () => {
  it('has fenced the campaign, and waited out a permit, before it is answered', async () => {
    doors = await openDoors();
    const id = campaignId();
    expect((await doors.hook({ EventTypeID: 4, CampaignID: id })).status).toBe(200);
    const fenced = await doors.pool.query(
      `select fence, clock_timestamp() - fenced_at >= interval '250 ms' as waited
       from campaign where id = $1`,
      [id],
    );
    expect(fenced.rows).toEqual([{ fence: 'deleted', waited: true }]);
    await eventually(() => doors.asked.some(({ what }) => what === 'cancellation'));
  });

  it('before event 5 keeps the campaign from ever starting', async () => {
    doors = await openDoors();
    const id = campaignId();
    await doors.hook({ EventTypeID: 4, CampaignID: id });
    await doors.hook(eventFive(id));
    await eventually(async () => (await rowsOf(id)).every(({ status }) => status === 'started'));
    expect(startsOf(id)).toEqual([]);
  });
});

describe('with the ledger away', () => {
  it('event 5 starts the run with what it said, and is answered within a second', async () => {
    doors = await openDoors({ withoutLedger: true });
    const id = campaignId();
    const asked = performance.now();
    expect((await doors.hook(eventFive(id, 60))).status).toBe(200);
    expect(performance.now() - asked).toBeLessThan(1_000);
    expect(startsOf(id)[0]?.of).toMatchObject({
      campaignId: id,
      announcement: { durationDays: 7, instants: { deadline: expect.any(Number) } },
    });
  });

  it('event 4 starts the cancellation', async () => {
    doors = await openDoors({ withoutLedger: true });
    const id = campaignId();
    expect((await doors.hook({ EventTypeID: 4, CampaignID: id })).status).toBe(200);
    expect(doors.asked).toContainEqual({
      what: 'cancellation',
      of: { tenant: 'acme', campaignId: id },
    });
  });

  it('other events are to be sent again', async () => {
    doors = await openDoors({ withoutLedger: true });
    const response = await doors.hook({
      EventTypeID: 13,
      CampaignID: campaignId(),
      ChannelID: 504,
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
  });

  it('and Temporal away too, event 5 is to be sent again', async () => {
    doors = await openDoors({ withoutLedger: true });
    doors.loseTemporal();
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(503);
  });
});

describe('allowed addresses', () => {
  it('keep others out', async () => {
    doors = await openDoors({ settings: acme({ allowFrom: ['10.0.0.0/8', '2001:db8::/32'] }) });
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(403);
  });

  it('let their own in', async () => {
    doors = await openDoors({ settings: acme({ allowFrom: ['127.0.0.0/8'] }) });
    expect((await doors.hook(eventFive(campaignId()))).status).toBe(200);
  });
});

describe('health', () => {
  it('is ready when ledger and Temporal are there, and says what is missing', async () => {
    doors = await openDoors();
    expect((await fetch(`${doors.url}/readyz`)).status).toBe(200);
    doors.loseTemporal();
    const away = await fetch(`${doors.url}/readyz`);
    expect(away.status).toBe(503);
    expect(await away.text()).toContain('Temporal does not answer');
    expect((await fetch(`${doors.url}/healthz`)).status).toBe(200);
  });

  it('counts webhooks by tenant and answer', async () => {
    doors = await openDoors();
    await doors.post(`/hooks/acme/${token}`, 'nothing');
    const metrics = await (await fetch(`${doors.url}/metrics`)).text();
    expect(metrics).toContain('promoflow_webhooks_total{tenant="acme",status="400"} 1');
  });
});

async function rowsOf(id: string): Promise<{ status: string; times: number }[]> {
  const found = await doors.pool.query<{ status: string; times: number }>(
    'select status, times from inbox where campaign = $1',
    [id],
  );
  return found.rows;
}
