import { describe, expect, it } from 'vitest';
import { allocation, call, customer, FLAT, type Json, play } from './caller.ts';
import { allow, openTenantDoor } from './tenant-door.ts';

const NOBODY_REFUSED = { deniedShare: 0, declinedShare: 0, noTierShare: 0 };
const named = (...customerIds: string[]) => ({ customerIds, arrivals: 'even' as const });

/** A triggered campaign whose events come to a door that answers so. */
async function playEvents(triggered: Record<string, unknown> = {}, status = 200) {
  const caller = await play({ catalog: FLAT, timeZone: 'Europe/Malta' });
  const door = await openTenantDoor(() => ({ status }));
  const id = caller.sandbox.createTriggered('acme', {
    campaignId: 88,
    ...NOBODY_REFUSED,
    hookUrl: door.url,
    ...triggered,
  });
  return {
    ...caller,
    id,
    heard: door.heard,
    rules: () => caller.sandbox.verdict('acme', id).violations.map((each) => each.split(' · ')[0]),
  };
}

describe('event 11', () => {
  it('carries customer, codes, notes, attributes and the parameters of the trigger', async () => {
    const { sandbox, id, heard } = await playEvents({
      codes: ['SPRING25', 'FS10'],
      notes: '{"duration":3}',
      attributes: ['VIP_LEVEL'],
      eventParams: { amount: 120 },
    });
    await sandbox.fireEvents('acme', id, named(customer(0))).finished;
    expect(heard.map(({ body }) => body)).toEqual([
      {
        eventTypeID: 11,
        timeStamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        campaignID: '88',
        actionSerial: null,
        channelID: 611,
        templateID: 14,
        customerID: customer(0),
        isVisitor: false,
        promoCode: ['SPRING25', 'FS10'],
        notes: '{"duration":3}',
        attributes: { VIP_LEVEL: expect.any(String) },
        eventParams: { amount: 120 },
      },
    ]);
  });

  it('comes in both list forms and with names in both cases', async () => {
    const { sandbox, id, heard } = await playEvents({ codes: ['SPRING25', 'FS10'] });
    const fire = { ...named(...[0, 1, 2, 3].map(customer)), payload: { templateID: null } };
    await sandbox.fireEvents('acme', id, { ...fire, codesAs: 'mixed', fieldsAs: 'mixed' }).finished;
    const codes = heard.map(({ body }) => body.promoCode ?? body.PromoCode);
    expect(codes.map((each: unknown) => typeof each).toSorted()).toEqual([
      'object',
      'object',
      'string',
      'string',
    ]);
    expect(codes).toContain('SPRING25,FS10');
    expect(heard.filter(({ body }) => 'CustomerID' in body)).toHaveLength(2);
    expect(heard.filter(({ body }) => 'templateID' in body)).toHaveLength(0);
  });

  it('is fired at a rate, each as often as asked, and its answers are measured', async () => {
    const { sandbox, id, heard } = await playEvents();
    await sandbox.fireEvents('acme', id, { perSecond: 100, forSeconds: 0.5, times: 2 }).finished;
    const events = sandbox.events('acme', id);
    expect(events.events).toBeGreaterThan(40);
    expect(events).toMatchObject({
      heard: events.events,
      doubles: events.events / 2,
      refused: 0,
      open: 0,
    });
    expect(heard).toHaveLength(events.events);
    expect(events.p99Ms).toBeGreaterThan(0);
  });

  it('books what was not taken, and what a fault lost or doubled', async () => {
    const { sandbox, id, heard } = await playEvents({}, 503);
    sandbox.setFaults('acme', [
      { far: 'hooks', kind: 'event11', fault: 'lost', calls: [1] },
      { far: 'hooks', kind: 'event11', fault: 'duplicate', calls: [2] },
      { far: 'hooks', kind: 'event11', fault: 'late', calls: [3], ms: 50 },
    ]);
    await sandbox.fireEvents('acme', id, named(...[0, 1, 2].map(customer))).finished;
    expect(heard.map(({ body }) => body.customerID).toSorted()).toEqual([
      customer(1),
      customer(1),
      customer(2),
    ]);
    expect(sandbox.events('acme', id)).toMatchObject({ events: 4, lost: 1, refused: 3, open: 0 });
  });

  it('confirms whom the gate allowed in time, and is the same instance', async () => {
    const { sandbox, id, heard, validate, allocate, rules } = await playEvents();
    const gate = await openTenantDoor(async (question: Json) => {
      const userId = question.user.user_id;
      if (userId === customer(1)) return allow(question, false);
      await validate(id, 'SPRING25', [userId]);
      await allocate(id, allocation(`key of ${userId}`, userId));
      return allow(question, true);
    });
    const checks = { ...named(...[0, 1, 2].map(customer)), gateUrls: [gate.url] };
    await sandbox.fireChecks('acme', id, checks).finished;
    await sandbox.fireEvents('acme', id, { who: 'sent', perSecond: 500, forSeconds: 0.2 }).finished;
    expect(heard.map(({ body }) => body.customerID).toSorted()).toEqual([customer(0), customer(2)]);
    expect(sandbox.verdict('acme', id).triggered).toMatchObject({
      instances: 3,
      instancesTold: 2,
      toldNotHeld: 0,
    });
    await allocate(id, allocation('once more', customer(0)));
    expect(rules()).toEqual(['second allocation']);
  });

  it('gives a right to the reward, and shows who still waits for it', async () => {
    const { sandbox, id, validate, allocate, promotions, rules } = await playEvents();
    await sandbox.fireEvents('acme', id, named(customer(0), customer(1))).finished;
    await validate(id, 'SPRING25', [customer(0), customer(1)]);
    await allocate(id, allocation('k0', customer(0)));
    expect(sandbox.verdict('acme', id).triggered?.toldNotHeld).toBe(1);
    const redemption = { redemptionId: 'r0', customerId: customer(0), occurrenceId: id };
    await promotions('/v1/promotions/redemptions', {
      redemptions: [{ ...redemption, promocodeId: 'pc-spring25' }],
    });
    expect(rules()).toEqual([]);
  });

  it('finds its awards decided in the auto flow', async () => {
    const { sandbox, id, promotions, allocate, rules } = await playEvents({
      awardedBy: 'optimove',
    });
    await sandbox.fireEvents('acme', id, named(customer(0))).finished;
    const { json } = await promotions('/v1/promotions/customerAssignments', { occurrenceId: id });
    expect(json.items).toMatchObject([
      { customerId: customer(0), occurrenceId: '88', seriesId: 4021, rewards: [{ value: 10 }] },
    ]);
    await allocate(id, allocation('k0', customer(0)));
    expect(rules()).toEqual([]);
  });
});

describe('the control API of triggered campaigns', () => {
  it('makes one, fires at its doors and measures', async () => {
    const { sandbox } = await play({ catalog: FLAT });
    const gate = await openTenantDoor((question: Json) => allow(question, false));
    const door = await openTenantDoor(() => ({}));
    const shop = await openTenantDoor(() => ({ status: 404, body: { reason: 'not_targeted' } }));
    const control = `${sandbox.url}/control/acme`;
    const made = await call(`${control}/triggered`, {
      body: { gateUrls: [gate.url], hookUrl: door.url, claimsUrl: shop.url },
    });
    expect(made).toMatchObject({ status: 201, json: { campaignId: expect.any(Number) } });
    const campaign = `${control}/campaigns/${made.json.campaignId}`;
    const some = { perSecond: 100, arrivals: 'even', wait: true };
    const checks = await call(`${campaign}/checks`, {
      body: { ...some, customerIds: [customer(0), customer(1)] },
    });
    expect(checks).toMatchObject({ status: 200, json: { checks: 2, denied: 2, open: 0 } });
    const events = await call(`${campaign}/events`, { body: { ...some, forSeconds: 0.1 } });
    expect(events.json).toMatchObject({ heard: events.json.events, open: 0 });
    const claims = await call(`${campaign}/claims`, {
      body: { ...some, apiKey: 'k', customerIds: [customer(0)] },
    });
    expect(claims.json).toMatchObject({ refused: 1, reasons: { not_targeted: 1 } });
    await call(`${campaign}/checks`, { body: { perSecond: 50, forSeconds: 600 } });
    await expect
      .poll(async () => (await call(`${campaign}/checks`)).json.checks)
      .toBeGreaterThan(2);
    expect((await call(`${campaign}/fire`, { method: 'DELETE' })).status).toBe(200);
    await expect.poll(async () => (await call(`${campaign}/checks`)).json.open).toBe(0);
    const verdict = await call(`${campaign}/verdict`);
    expect(verdict.json.triggered.checks.checks).toBeGreaterThan(2);
    expect(verdict.json.claims.claims).toBe(1);
  });

  it('says in words what cannot be played', async () => {
    const { sandbox } = await play();
    const control = `${sandbox.url}/control/acme`;
    const scheduled = sandbox.createCampaign('acme', { customers: 1 });
    const wrong = await call(`${control}/campaigns/${scheduled}/checks`, { body: {} });
    expect(wrong).toMatchObject({
      status: 404,
      json: { error: `campaign ${scheduled} is not a triggered one` },
    });
    const tooLong = await call(`${control}/triggered`, { body: { deadlineMs: 2501 } });
    expect(tooLong.status).toBe(400);
    const id = sandbox.createTriggered('acme', { gateUrls: ['http://127.0.0.1:9/gate'] });
    const inside = { repeatShare: 0.1, repeatAfterMs: 600_000 };
    expect((await call(`${control}/campaigns/${id}/checks`, { body: inside })).json.error).toBe(
      'repeatAfterMs must be shorter than the window',
    );
  });
});
