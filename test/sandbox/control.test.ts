import { describe, expect, it } from 'vitest';
import { allocation, call, customer, openDoor, PLAIN, play } from './caller.ts';

describe('hooks', () => {
  it('announce a campaign in the tenant’s zone, as often as asked, with one deadline', async () => {
    const { sandbox } = await play({ timeZone: 'Europe/Malta' });
    const { url, heard } = await openDoor();
    const id = sandbox.createCampaign('acme', {
      customers: 1,
      campaignId: 88,
      clearanceRequiredBy: '2030-07-01T10:00:00.900Z',
      hookUrl: url,
    });
    const deliveries = await sandbox.announce('acme', id, { times: 3, parallel: true });
    expect(deliveries.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(heard).toHaveLength(3);
    expect(heard[0]).toEqual({
      EventTypeID: 5,
      TimeStamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      CampaignID: 88,
      CampaignDuration: 7,
      ClearanceRequiredBy: '2030-07-01 12:00:00',
    });
  });

  it('fix a relative deadline by the first announcement', async () => {
    const { sandbox } = await play();
    const { url, heard } = await openDoor();
    const id = sandbox.createCampaign('acme', { customers: 1, deadlineInSeconds: 100 });
    expect(sandbox.verdict('acme', id).deadline).toBeUndefined();
    await sandbox.announce('acme', id, { hookUrl: url });
    const { deadline } = sandbox.verdict('acme', id);
    await sandbox.announce('acme', id, { hookUrl: url });
    expect(sandbox.verdict('acme', id).deadline).toBe(deadline);
    expect(heard[1].ClearanceRequiredBy).toBe(heard[0].ClearanceRequiredBy);
  });

  it('reschedule with a later TimeStamp', async () => {
    const { sandbox } = await play();
    const { url, heard } = await openDoor();
    const id = sandbox.createCampaign('acme', { customers: 1, hookUrl: url });
    await sandbox.announce('acme', id);
    await sandbox.reschedule('acme', id, { clearanceRequiredBy: '2031-01-01T00:00:00Z' });
    expect(heard[1].ClearanceRequiredBy).toBe('2031-01-01 00:00:00');
    expect(heard[1].TimeStamp > heard[0].TimeStamp).toBe(true);
    expect(sandbox.verdict('acme', id).deadline).toBe('2031-01-01T00:00:00.000Z');
  });

  it('reschedule to an earlier deadline binds nobody who did not take it', async () => {
    const { sandbox } = await play();
    const { url } = await openDoor();
    const away = await openDoor(503);
    const id = sandbox.createCampaign('acme', { customers: 1, hookUrl: url });
    await sandbox.announce('acme', id);
    const { deadline } = sandbox.verdict('acme', id);
    await sandbox.reschedule('acme', id, { deadlineInSeconds: 5, hookUrl: away.url });
    expect(sandbox.verdict('acme', id).deadline).toBe(deadline);
    await sandbox.reschedule('acme', id, { deadlineInSeconds: 5 });
    expect(Date.parse(sandbox.verdict('acme', id).deadline ?? '')).toBeLessThan(Date.now() + 6_000);
  });

  it('can say anything else: fields replaced, added, left out', async () => {
    const { sandbox } = await play();
    const { url, heard } = await openDoor(503);
    const id = sandbox.createCampaign('acme', { customers: 1, hookUrl: url });
    const payload = { ClearanceRequiredBy: 'soon', CampaignDuration: null, Extra: 1 };
    const [delivery] = await sandbox.announce('acme', id, { payload });
    expect(heard[0]).toMatchObject({ ClearanceRequiredBy: 'soon', Extra: 1 });
    expect(heard[0]).not.toHaveProperty('CampaignDuration');
    expect(delivery).toMatchObject({ status: 503, eventTypeId: 5 });
  });

  it('send event 13 for each channel of an execution', async () => {
    const { sandbox } = await play();
    const { url, heard } = await openDoor();
    const id = sandbox.createCampaign('acme', { customers: 1, channels: [504, 505], hookUrl: url });
    await sandbox.execute('acme', id);
    expect(heard.map(({ EventTypeID, ChannelID }) => [EventTypeID, ChannelID])).toEqual([
      [13, 504],
      [13, 505],
    ]);
  });
});

describe('control API', () => {
  it('plays a campaign from its making to its verdict', async () => {
    const { sandbox, allocate } = await play();
    const { url, heard } = await openDoor();
    const control = `${sandbox.url}/control/acme`;
    const put = (path: string, body: unknown) =>
      call(`${control}/${path}`, { body, method: 'PUT' });
    const made = await call(`${control}/campaigns`, {
      body: { customers: 5, ...PLAIN, hookUrl: url },
    });
    expect([made.status, made.json]).toEqual([201, { campaignId: 70_412 }]);
    const campaign = `${control}/campaigns/70412`;
    expect((await call(`${campaign}/announce`, { body: {} })).json).toMatchObject([
      { status: 200 },
    ]);
    await call(`${campaign}/reschedule`, { body: { deadlineInSeconds: 900 } });
    await allocate('70412', allocation('k0', customer(0), { rewards: [] }));
    expect((await call(`${campaign}/customers/${customer(0)}`)).json).toMatchObject({
      customerId: customer(0),
      control: false,
      codes: [{ promoCode: 'SPRING25', held: true, validated: false }],
    });
    await call(`${campaign}/cancel`, { body: {} });
    await put('profile', { lateReports: 'counted' });
    await put('latencies', { optimove: 1 });
    await put('promotions/FS10', { audienceCap: 2 });
    await put('key', { broken: true });
    await put('faults', { rules: [{ fault: '500', kind: 'lookups' }], seed: 3 });
    expect(heard.map(({ EventTypeID }) => EventTypeID)).toEqual([5, 5, 4]);
    expect((await call(`${control}/hooks`)).json).toHaveLength(3);
    expect((await call(`${control}/traffic`)).json).toMatchObject({ calls: { allocations: 1 } });
    expect((await call(`${campaign}/verdict`)).json).toMatchObject({
      audience: 5,
      allocated: 1,
      canceled: true,
      violations: [],
    });
  });

  it('plays what follows the send', async () => {
    const { sandbox } = await play();
    const { url, heard } = await openDoor();
    const control = `${sandbox.url}/control/acme/campaigns`;
    const body = {
      ...{ customers: 5, ...PLAIN, hookUrl: url, flow: 'executions', channels: [504, 505] },
      ...{ scheduledInSeconds: { 505: 60 }, channelShare: 0.9, executionRows: 'code' },
    };
    const { campaignId } = (await call(control, { body })).json;
    const execute = (more: unknown) => call(`${control}/${campaignId}/execute`, { body: more });
    expect((await execute({ event: 5 })).status).toBe(400);
    await execute({ channelId: 504, lost: true });
    await execute({ event: 1 });
    await execute({ channelId: 505 });
    expect(heard.map(({ EventTypeID }) => EventTypeID)).toEqual([1, 13]);
    expect((await call(`${control}/${campaignId}/verdict`)).json).toMatchObject({
      published: 0,
      sent: 5,
      expired: 0,
      violations: [],
    });
  });

  it('keeps what a change of the profile does not name', async () => {
    const { sandbox, validate } = await play();
    const control = `${sandbox.url}/control/acme`;
    const id = sandbox.createCampaign('acme', { customers: 1, ...PLAIN });
    const put = (body: unknown) => call(`${control}/profile`, { body, method: 'PUT' });
    await put({ unknownIds: 'fail' });
    await put({ lateReports: 'counted' });
    expect((await validate(id, 'SPRING25', ['P-99999999'])).status).toBe(400);
  });

  it('refuses in words what cannot be played', async () => {
    const { sandbox } = await play();
    const control = `${sandbox.url}/control`;
    for (const body of [{ customers: -1 }, { customers: 1, deniedShar: 0 }]) {
      expect((await call(`${control}/acme/campaigns`, { body })).status).toBe(400);
    }
    expect((await call(`${control}/acme/campaigns`, { text: '{' })).status).toBe(400);
    expect((await call(`${control}/other/hooks`)).json).toEqual({ error: 'no tenant other' });
    expect((await call(`${control}/acme/campaigns/1/verdict`)).status).toBe(404);
    expect((await call(`${control}/acme/nothing`)).status).toBe(404);
  });
});
