import { describe, expect, it } from 'vitest';
import { call, customer, openDoor, PLAIN, play } from './caller.ts';

describe('audience', () => {
  it('comes in pages of 10,000 unless told, and every customer comes once', async () => {
    const { sandbox, audience } = await play();
    const id = sandbox.createCampaign('acme', { customers: 11_000, controlShare: 0 });
    const first = await audience(id);
    const second = await audience(id, '&$top=10000&$skip=10000');
    expect(first.json).toHaveLength(10_000);
    expect(second.json).toHaveLength(1000);
    const ids = new Set([...first.json, ...second.json].map(({ CustomerID }) => CustomerID));
    expect(ids.size).toBe(11_000);
    expect((await audience(id, '&$top=5&$skip=11000')).json).toEqual([]);
  });

  it('writes several codes comma-joined and marks the control group by action 1', async () => {
    const { sandbox, audience } = await play();
    const shares = { ...PLAIN, severalCodesShare: 1, controlShare: 0.5 };
    const id = sandbox.createCampaign('acme', { customers: 1, ...shares });
    expect((await audience(id)).json).toEqual([
      { CustomerID: customer(0), ActionID: 4, PromoCode: 'SPRING25,FS10' },
      { CustomerID: customer(1), ActionID: 1, PromoCode: 'SPRING25,FS10' },
    ]);
  });

  it('ends with the doubles and the malformed, and has rows without a code', async () => {
    const { sandbox, audience } = await play();
    const shares = { ...PLAIN, duplicateShare: 0.5, malformedRows: 2, withoutCodeShare: 1 };
    const { json } = await audience(sandbox.createCampaign('acme', { customers: 4, ...shares }));
    expect(json).toHaveLength(8);
    expect(
      new Set(json.slice(0, 6).map((row: { CustomerID: string }) => row.CustomerID)).size,
    ).toBe(4);
    expect(json[0].PromoCode).toBeNull();
    expect(json[7]).toEqual({ ActionID: 4, PromoCode: 'SPRING25' });
  });

  it('tells the attributes that were asked for, in that order', async () => {
    const { sandbox, audience } = await play();
    const id = sandbox.createCampaign('acme', { customers: 1, ...PLAIN });
    const { json } = await audience(id, '&CustomerAttributes=COUNTRY;VIP_LEVEL');
    expect(json[0].CustomerAttributes).toEqual([
      expect.stringMatching(/^[A-Z]{2}$/),
      expect.stringMatching(/gold|silver|base/),
    ]);
  });

  it('shifts a page by the rows that a fault says', async () => {
    const { sandbox, audience } = await play();
    const id = sandbox.createCampaign('acme', { customers: 10, ...PLAIN });
    sandbox.setFaults('acme', [{ kind: 'audience', fault: 'shift', rows: 2, calls: [1] }]);
    const shifted = await audience(id, '&$top=3&$skip=3');
    const mended = await audience(id, '&$top=3&$skip=3');
    expect(shifted.json[0].CustomerID).toBe(customer(1));
    expect(mended.json[0].CustomerID).toBe(customer(3));
  });

  it('is empty while it lags behind the hook', async () => {
    const { sandbox, audience } = await play();
    const id = sandbox.createCampaign('acme', { customers: 1, audienceLagMs: 60_000 });
    expect((await audience(id)).json).toEqual([]);
  });
});

describe('canceled customers', () => {
  const path = (id: string) => `/current/customers/GetCanceledCampaignCustomers?CampaignID=${id}`;

  it('are listed after the cancellation, with the action as text, and vanish in time', async () => {
    const { sandbox, optimove } = await play();
    const { url } = await openDoor();
    const told = { customers: 2, ...PLAIN, hookUrl: url };
    const listed = sandbox.createCampaign('acme', told);
    const vanished = sandbox.createCampaign('acme', { ...told, canceledListSeconds: 0.001 });
    expect((await optimove(path(listed))).json).toEqual([]);
    await sandbox.cancel('acme', listed);
    await sandbox.cancel('acme', vanished, { delayMs: 5 });
    expect((await optimove(path(listed))).json[1]).toEqual({
      CustomerID: customer(1),
      ActionID: '4',
      PromoCode: 'SPRING25',
    });
    expect((await optimove(path(vanished))).json).toEqual([]);
  });
});

describe('Optimove', () => {
  it('describes a campaign without naming it', async () => {
    const { sandbox, optimove } = await play();
    const id = sandbox.createCampaign('acme', {
      customers: 90,
      controlShare: 0.1,
      durationDays: 5,
    });
    const { json } = await optimove(`/Actions/GetCampaignDetails?CampaignID=${id}`);
    expect(json).toMatchObject({
      Duration: 5,
      TestGroupSize: 90,
      ControlGroupSize: 10,
      LeadTime: 0,
    });
    expect(json).not.toHaveProperty('CampaignID');
  });

  it('answers a report with an empty 200, and the last word counts', async () => {
    const { sandbox, report } = await play();
    const id = sandbox.createCampaign('acme', { customers: 2, ...PLAIN, withoutCodeShare: 1 });
    const told = await report(id, { [customer(0)]: true, [customer(1)]: true });
    expect([told.status, told.text]).toEqual([200, '']);
    await report(id, { [customer(1)]: false });
    expect(sandbox.verdict('acme', id)).toMatchObject({ approved: 1, denied: 1, violations: [] });
  });

  it('refuses more than 10,000 reports a call', async () => {
    const { sandbox, report } = await play();
    const id = sandbox.createCampaign('acme', { customers: 10_001, ...PLAIN });
    const many = Object.fromEntries(
      Array.from({ length: 10_001 }, (_, at) => [customer(at), false]),
    );
    expect((await report(id, many)).status).toBe(400);
    expect(sandbox.verdict('acme', id).denied).toBe(0);
  });

  it('answers a wrong key with 401 and a bare JSON string, until it is mended', async () => {
    const { sandbox, urls, optimove } = await play();
    const path = '/General/GetLastDataUpdate';
    const wrong = await call(`${urls.optimove}${path}`, { headers: { 'X-API-KEY': 'other' } });
    expect([wrong.status, wrong.text]).toEqual([401, '"Unauthorized"']);
    sandbox.breakKey('acme', true);
    expect((await optimove(path)).status).toBe(401);
    sandbox.breakKey('acme', false);
    expect((await optimove(path)).json).toEqual({
      Date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    });
    expect(sandbox.traffic('acme').unauthorized).toBe(2);
  });

  it('tells an unknown path from a wrong method', async () => {
    const { optimove } = await play();
    expect((await optimove('/General/Nothing')).status).toBe(404);
    const told = await optimove('/General/GetLastDataUpdate', {});
    expect([told.status, told.text]).toEqual([405, '"Method Not Allowed"']);
  });
});
