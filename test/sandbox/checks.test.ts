import { describe, expect, it } from 'vitest';
import { type Caller, customer, FLAT, type Json, play } from './caller.ts';
import { allow, openTenantDoor, type Reply } from './tenant-door.ts';

const NOBODY_REFUSED = { deniedShare: 0, declinedShare: 0, noTierShare: 0 };

type Triggered = Parameters<Caller['sandbox']['createTriggered']>[1];
type Fire = Parameters<Caller['sandbox']['fireChecks']>[2];

/** Fires at a gate that answers so, and reads the measures when the last answer is there. */
async function fireAt(
  reply: (question: Json, count: number) => Reply | Promise<Reply>,
  { triggered = {}, fire = {} }: { triggered?: Triggered; fire?: Fire } = {},
) {
  const caller = await play({ catalog: FLAT });
  const gate = await openTenantDoor(reply);
  const id = caller.sandbox.createTriggered('acme', {
    codes: [],
    ...NOBODY_REFUSED,
    gateUrls: [gate.url],
    ...triggered,
  });
  await caller.sandbox.fireChecks('acme', id, { perSecond: 200, forSeconds: 0.5, ...fire })
    .finished;
  const checks = caller.sandbox.checks('acme', id);
  const verdict = caller.sandbox.verdict('acme', id);
  const rules = verdict.violations.map((each) => each.split(' · ')[0]);
  return { ...caller, id, gate, checks, verdict, rules };
}

const named = (...customerIds: string[]) => ({ customerIds, arrivals: 'even' as const });

describe('the gate’s question', () => {
  it('is the documented one', async () => {
    const { gate } = await fireAt((question) => allow(question, false), {
      triggered: {
        campaignId: 88,
        codes: ['SPRING25', 'FS10'],
        seriesId: 7,
        notes: 'vip only',
        tags: ['vip'],
        action: { id: 5, name: 'Boost' },
        channels: [{ id: 611, brandId: 'b1', templates: null }],
      },
      fire: named(customer(3)),
    });
    expect(gate.heard[0]?.headers['content-type']).toBe('application/json');
    expect(gate.heard.map(({ body }) => body)).toEqual([
      {
        user: { user_id: customer(3), is_visitor: false },
        campaign: {
          id: '88',
          series_id: '7',
          notes: 'vip only',
          tags: ['vip'],
          action: {
            id: 5,
            name: 'Boost',
            promo_codes: ['SPRING25', 'FS10'],
            channels: [{ id: 611, name: 'Inbox', brand_id: 'b1', templates: null }],
          },
        },
      },
    ]);
  });

  it('has no list of codes where the campaign has none', async () => {
    const { gate } = await fireAt((question) => allow(question, true), {
      fire: named(customer(0)),
    });
    expect(gate.heard[0]?.body.campaign.action.promo_codes).toBeNull();
  });

  it('comes in every spelling that is asked for', async () => {
    const { gate } = await fireAt(() => ({ status: 500 }), {
      triggered: { codes: ['SPRING25', 'FS10'], campaignId: 88 },
      fire: {
        ...named(...Array.from({ length: 8 }, (_, at) => customer(at))),
        codesAs: 'mixed',
        fieldsAs: 'mixed',
        idsAs: 'mixed',
      },
    });
    const bodies = gate.heard.map(({ body }) => body);
    const small = bodies.filter((body) => body.user !== undefined);
    const capital = bodies.filter((body) => body.User !== undefined);
    expect([small.length, capital.length]).toEqual([4, 4]);
    expect(capital.every((body) => typeof body.User.User_id === 'string')).toBe(true);
    expect(new Set(small.map((body) => String(body.campaign.action.promo_codes)))).toEqual(
      new Set(['SPRING25,FS10']),
    );
    const lists = small.map((body) => typeof body.campaign.action.promo_codes);
    expect(lists.toSorted()).toEqual(['object', 'object', 'string', 'string']);
    expect(new Set(small.map((body) => body.campaign.id))).toEqual(new Set(['88', 88]));
  });

  it('asks about visitors under their own ids', async () => {
    const { gate, checks } = await fireAt((question) => allow(question, false), {
      triggered: { visitorShare: 0.5 },
    });
    const users = gate.heard.map(({ body }) => body.user);
    expect(users.every((user) => user.is_visitor === user.user_id.startsWith('V-'))).toBe(true);
    const visitors = users.filter((user) => user.is_visitor).length;
    expect(visitors).toBeGreaterThan(10);
    expect(checks.visitors).toBe(visitors);
  });

  it('goes to every gate in turn', async () => {
    const other = await openTenantDoor((question) => allow(question, false));
    const caller = await play({ catalog: FLAT });
    const gate = await openTenantDoor((question) => allow(question, false));
    const id = caller.sandbox.createTriggered('acme');
    const fire = { ...named(...[0, 1, 2, 3].map(customer)), gateUrls: [gate.url, other.url] };
    await caller.sandbox.fireChecks('acme', id, fire).finished;
    expect([gate.heard.length, other.heard.length]).toEqual([2, 2]);
  });

  it('goes to the gate that was registered, by either generation of the call', async () => {
    const { sandbox, urls, optimove } = await play({ catalog: FLAT });
    const [first, second] = [
      await openTenantDoor((question) => allow(question, false)),
      await openTenantDoor((question) => allow(question, false)),
    ];
    const id = sandbox.createTriggered('acme');
    expect(() => sandbox.fireChecks('acme', id)).toThrow('no gate was told');
    const set = await fetch(`${urls.optimove}/triggered_conditional_execution_gateway`, {
      method: 'PUT',
      headers: { 'X-API-KEY': 'sandbox-optimove-key' },
      body: JSON.stringify({ url: first.url }),
    });
    expect(set.status).toBe(200);
    await sandbox.fireChecks('acme', id, named(customer(0))).finished;
    const added = await optimove('/conditional-execution/v2/triggered/webhooks/', {
      url: second.url,
    });
    expect(added).toMatchObject({ status: 201, json: { url: second.url } });
    await sandbox.fireChecks('acme', id, named(customer(1))).finished;
    expect([first.heard.length, second.heard.length]).toEqual([1, 1]);
  });
});

describe('checks', () => {
  it('arrive at the given rate, however slow the gate is', async () => {
    const { checks } = await fireAt(async (question) => ({
      ...allow(question, true),
      afterMs: 300,
    }));
    expect(checks.checks).toBeGreaterThan(60);
    expect(checks.checks).toBeLessThan(150);
    expect(checks).toMatchObject({ allowed: checks.checks, sent: checks.checks, open: 0 });
    expect(checks.p50Ms).toBeGreaterThanOrEqual(300);
  });

  it('count the wait for a connection as the gate’s time', async () => {
    const { checks } = await fireAt(
      async (question) => ({ ...allow(question, true), afterMs: 50 }),
      {
        fire: { perSecond: 1000, forSeconds: 0.02, arrivals: 'even', connections: 1 },
      },
    );
    expect(checks.checks).toBeGreaterThan(10);
    expect(checks.maxMs).toBeGreaterThan(400);
    expect(checks.sendLagMaxMs).toBeGreaterThan(350);
  });

  it('are not sent when the answer comes after the deadline, and the answer is booked', async () => {
    const { checks, rules, verdict } = await fireAt(
      (question) => ({ ...allow(question, true), afterMs: 400 }),
      { triggered: { deadlineMs: 100 }, fire: named(customer(0), customer(1)) },
    );
    expect(checks).toMatchObject({ checks: 2, late: 2, allowed: 0, sent: 0, notSent: 2 });
    expect(rules).toEqual(['answered late', 'answered late']);
    expect(verdict.triggered?.checks.late).toBe(2);
  });

  it('do not blame the gate for the sandbox’s own delay', async () => {
    const { checks, rules } = await fireAt(
      (question) => ({ ...allow(question, true), afterMs: 800 }),
      {
        triggered: { deadlineMs: 1400 },
        fire: { ...named(customer(0), customer(1)), perSecond: 1000, connections: 1 },
      },
    );
    expect(checks).toMatchObject({ allowed: 1, late: 1, lateByUs: 1 });
    expect(rules).toEqual([]);
  });

  it('book what is no answer: other statuses, other bodies, broken connections', async () => {
    const replies: Reply[] = [
      { status: 503, body: { user_id: customer(0), allowed: true } },
      { body: 'true' },
      { body: { user_id: customer(2), allowed: 'true' } },
      { destroy: true },
      { body: { user_id: customer(9), allowed: true } },
    ];
    const { checks, rules } = await fireAt(
      (question) => replies[Number(question.user.user_id.slice(2))] ?? {},
      { fire: named(...[0, 1, 2, 3, 4].map(customer)) },
    );
    expect(checks).toMatchObject({
      checks: 5,
      malformed: 3,
      connectionFailures: 1,
      wrongUser: 1,
      notSent: 5,
      open: 0,
    });
    expect(rules).toEqual(['wrong user']);
  });

  it('come again inside of the window as often as asked', async () => {
    const { checks, verdict } = await fireAt((question) => allow(question, true), {
      fire: { repeatShare: 0.5, repeatAfterMs: 50 },
    });
    expect(checks.repeats).toBeGreaterThan(5);
    expect(verdict.audience).toBe(checks.checks - checks.repeats);
    expect(verdict.triggered?.instances).toBe(verdict.audience);
  });

  it('are another instance outside of the window, where the tenant says each', async () => {
    const { checks, verdict } = await fireAt((question) => allow(question, true), {
      triggered: { repeats: 'each', repeatWindowSeconds: 0.1 },
      fire: { laterShare: 1, laterAfterMs: 200 },
    });
    expect(checks.repeats).toBeGreaterThan(5);
    expect(verdict.triggered?.instances).toBe(checks.checks);
  });

  it('stop when told to, and listen for what was sent', async () => {
    const { sandbox } = await play();
    const gate = await openTenantDoor((question) => ({ ...allow(question, false), afterMs: 200 }));
    const id = sandbox.createTriggered('acme', { gateUrls: [gate.url], codes: [] });
    const fire = sandbox.fireChecks('acme', id, { perSecond: 100, forSeconds: 600 });
    await expect.poll(() => sandbox.checks('acme', id).checks).toBeGreaterThan(3);
    sandbox.ceaseFire('acme', id);
    await fire.finished;
    const { checks, denied, open } = sandbox.checks('acme', id);
    expect({ denied, open }).toEqual({ denied: checks, open: 0 });
  });
});
