import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Alert, haltAlert, silentAfterMs } from '../../src/domain/alert.ts';
import {
  endAlert,
  forgetEnded,
  leaseNotice,
  markTold,
  openAlerts,
  postponeNotice,
  raiseAlert,
} from '../../src/ledger/alerts.ts';
import { createContacts } from '../../src/ledger/contacts.ts';
import { createInbox } from '../../src/ledger/inbox.ts';
import { lookAhead, lookForConcerns } from '../../src/ledger/lookout.ts';
import { holdCampaign } from '../../src/ledger/standing.ts';
import { haltTenant, resumeTenant, tenantRef } from '../../src/ledger/tenants.ts';
import type { Log } from '../../src/world.ts';
import { acme } from '../gateway/doors.ts';
import { openedCampaign, openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };
const house = () => ({ pool: ledger.pool, log: silent });
const newTenant = () => `t-${randomUUID()}`;

/** What is open of a tenant, by kind and subject. */
async function openOf(tenant: string): Promise<string[]> {
  const open = await openAlerts(ledger.pool, [tenant]);
  return open.map(({ kind, subject }) => `${kind} ${subject}`);
}

/** Empties the outbox; the notices in the order in which they would be told. */
async function tellAll(): Promise<{ tenant: string | undefined; id: string; isOver: boolean }[]> {
  const told = [];
  for (let notice = await leaseNotice(ledger.pool); notice; ) {
    told.push({ tenant: notice.body.tenant, id: notice.noticeId, isOver: notice.isOver });
    await markTold(ledger.pool, notice);
    notice = await leaseNotice(ledger.pool);
  }
  return told;
}

test('a concern is raised once while it is open, logged once, and anew after it was over', async () => {
  const tenant = newTenant();
  const alert = haltAlert(tenant, 'platform', 'answered 401');
  const lines: Record<string, unknown>[] = [];
  const own = {
    pool: ledger.pool,
    log: { ...silent, error: (facts: object) => lines.push({ ...facts }) },
  };
  const raised = await Promise.all([1, 2, 3].map(() => raiseAlert(own, alert)));
  expect(raised.filter(Boolean)).toHaveLength(1);
  expect(lines).toMatchObject([{ alert: 'halt', tenant, farSide: 'platform' }]);
  expect(await endAlert(own, alert)).toBe(true);
  expect(await endAlert(own, alert)).toBe(false);
  expect(await raiseAlert(own, alert)).toBe(true);
  expect(await openOf(tenant)).toEqual(['halt platform']);
});

test('an alert without a tenant is one for all', async () => {
  const alert: Alert = {
    ...{ kind: 'configuration', tenant: undefined, subject: 'a.yaml', campaignId: undefined },
    message: 'm',
  };
  expect(await raiseAlert(house(), alert)).toBe(true);
  expect(await raiseAlert(house(), alert)).toBe(false);
  expect(await endAlert(house(), alert)).toBe(true);
});

test('beginning and end are told once each, in this order, each under an id of its own', async () => {
  const tenant = newTenant();
  const alert = haltAlert(tenant, 'optimove', 'answered 403');
  await raiseAlert(house(), alert);
  await endAlert(house(), alert);
  const told = (await tellAll()).filter((one) => one.tenant === tenant);
  expect(told.map(({ isOver }) => isOver)).toEqual([false, true]);
  expect(new Set(told.map(({ id }) => id)).size).toBe(2);
  expect((await tellAll()).filter((one) => one.tenant === tenant)).toEqual([]);
});

test('a notice is leased by one process, and is due again under the same id after it was postponed', async () => {
  await tellAll();
  const tenant = newTenant();
  await raiseAlert(house(), haltAlert(tenant, 'optimove', 'answered 403'));
  const [first, second] = await Promise.all([leaseNotice(ledger.pool), leaseNotice(ledger.pool)]);
  const leased = first ?? second;
  expect([first, second].filter(Boolean)).toHaveLength(1);
  if (!leased) throw new Error('nothing was leased');
  await postponeNotice(ledger.pool, leased);
  expect(await leaseNotice(ledger.pool)).toBeUndefined();
  const pause = await ledger.pool.query(
    `select leased_until - clock_timestamp() between '1 s' and '2 s' as short from alert where id = $1`,
    [leased.body.id],
  );
  expect(pause.rows).toEqual([{ short: true }]);
  await ledger.pool.query('update alert set leased_until = null where id = $1', [leased.body.id]);
  expect((await leaseNotice(ledger.pool))?.noticeId).toBe(leased.noticeId);
  await markTold(ledger.pool, leased);
});

test('where nobody is told, what is over is forgotten and what stands is kept', async () => {
  await tellAll();
  const [over, standing] = [newTenant(), newTenant()];
  await raiseAlert(house(), haltAlert(over, 'optimove', 'answered 403'));
  await endAlert(house(), haltAlert(over, 'optimove', 'answered 403'));
  await raiseAlert(house(), haltAlert(standing, 'optimove', 'answered 403'));
  await forgetEnded(ledger.pool);
  expect((await tellAll()).map(({ tenant }) => tenant)).toEqual([standing]);
});

test('a hold that nobody told of is found, and is over with the release', async () => {
  const { ref, id } = await openedCampaign(ledger.pool);
  await holdCampaign(ledger.pool, ref, 'too many');
  await lookForConcerns(house(), [id.tenant]);
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual([expect.stringMatching(/^hold 4711\//)]);
  await ledger.pool.query('update campaign set held = null where ref = $1', [ref]);
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual([]);
});

test('a halt is over when the far side has answered after it, not when it was only tried', async () => {
  const tenant = newTenant();
  await haltTenant(ledger.pool, tenant, 'dataConnection', 'answered 401');
  await lookForConcerns(house(), [tenant]);
  await resumeTenant(ledger.pool, tenant);
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toEqual(['halt dataConnection']);
  await ledger.pool.query(
    `insert into contact (tenant, far_side, answered_at) values ($1, 'dataConnection', clock_timestamp())`,
    [await tenantRef(ledger.pool, tenant)],
  );
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toEqual([]);
});

test('a far side that does not answer for five minutes of calls is silent, until it answers', async () => {
  const tenant = newTenant();
  const ref = await tenantRef(ledger.pool, tenant);
  const failFor = (ms: number) =>
    ledger.pool.query(
      `insert into contact (tenant, far_side, failing_since, failed_at)
       values ($1, 'platform', clock_timestamp() - $2 * interval '1 ms', clock_timestamp())
       on conflict (tenant, far_side) do update set failing_since = excluded.failing_since,
         failed_at = excluded.failed_at`,
      [ref, ms],
    );
  await failFor(silentAfterMs - 10_000);
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toEqual([]);
  await failFor(silentAfterMs + 1_000);
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toEqual(['silence platform']);

  const contacts = createContacts(ledger.pool, { writeEveryMs: 1 });
  contacts.note(tenant, 'platform', true);
  await expect
    .poll(async () => {
      await lookForConcerns(house(), [tenant]);
      return openOf(tenant);
    })
    .toEqual([]);
  contacts.stop();
});

test('failures of one process do not hide that another is answered later', async () => {
  const tenant = newTenant();
  const [one, other] = [1, 2].map(() => createContacts(ledger.pool, { writeEveryMs: 1 }));
  const failing = () =>
    ledger.pool.query(
      `select failing_since is not null as failing, answered_at is not null as answered
       from contact c join tenant t on t.ref = c.tenant where t.name = $1`,
      [tenant],
    );
  one?.note(tenant, 'platform', false);
  await expect
    .poll(async () => (await failing()).rows)
    .toEqual([{ failing: true, answered: false }]);
  other?.note(tenant, 'platform', true);
  await expect
    .poll(async () => (await failing()).rows)
    .toEqual([{ failing: false, answered: true }]);
});

test('a campaign that ended with unanswered calls is told of, unless it was deleted', async () => {
  const { ref, id } = await runningCampaign(ledger.pool, rowsOf(2));
  await ledger.pool.query(
    `insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until)
     values ($1, 1, 'approve', 1, 'k', 'h', '{[1,3)}', '{}', now() - interval '1 h', now() - interval '1 h')`,
    [ref],
  );
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual([]);
  await ledger.pool.query(
    "update campaign set phase = 'closed', closed_at = now() - interval '1 h' where ref = $1",
    [ref],
  );
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual(['unknown_effects 4711']);
  await ledger.pool.query("update campaign set fence = 'deleted' where ref = $1", [ref]);
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual([]);
});

test('a quarantined webhook is told of until a usable one of its campaign has come', async () => {
  const tenant = newTenant();
  const inbox = createInbox(ledger.pool);
  const delivery = { tenant, type: 5, campaignId: '9' };
  const reason = 'its ClearanceRequiredBy is not of the form';
  await inbox.record({ ...delivery, raw: '{"bad":1}', status: 'quarantined', reason });
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toMatchObject([expect.stringMatching(/^quarantine /)]);
  await inbox.record({ ...delivery, raw: '{"good":1}', status: 'due', reason: undefined });
  await lookForConcerns(house(), [tenant]);
  expect(await openOf(tenant)).toEqual([]);
});

test('very many quarantined webhooks are told of together', async () => {
  const tenant = newTenant();
  const inbox = createInbox(ledger.pool);
  for (let number = 1; number <= 25; number += 1) {
    const raw = JSON.stringify({ number });
    const facts = { type: undefined, campaignId: undefined, reason: 'no type' };
    await inbox.record({ tenant, raw, status: 'quarantined', ...facts });
  }
  await lookForConcerns(house(), [tenant]);
  const open = await openOf(tenant);
  expect(open).toHaveLength(21);
  expect(open).toContain('quarantine more');
});

test('a campaign that is late in two looks after one another is told of, and once it is in time again', async () => {
  const { ref, id } = await runningCampaign(ledger.pool, rowsOf(2), { deadlineInMs: 40_000 });
  const slow = { ...acme({ platform: slowPlatform }), tenant: id.tenant };
  const first = await lookAhead(house(), [slow], new Set());
  expect(first.size).toBe(1);
  expect(await openOf(id.tenant)).toEqual([]);
  await lookAhead(house(), [slow], first);
  expect(await openOf(id.tenant)).toEqual(['forecast 4711']);
  // What the ledger shows besides says nothing of forecasts.
  await lookForConcerns(house(), [id.tenant]);
  expect(await openOf(id.tenant)).toEqual(['forecast 4711']);
  await ledger.pool.query("update campaign set stop = now() + interval '1 day' where ref = $1", [
    ref,
  ]);
  expect((await lookAhead(house(), [slow], first)).size).toBe(0);
  expect(await openOf(id.tenant)).toEqual([]);
});

/** One call in an hour. */
const slowPlatform = {
  ...{ baseUrl: 'http://127.0.0.1:9', secret: 'whsec_c2VjcmV0c2VjcmV0' },
  rateLimit: { requests: 1, perSeconds: 3_600 },
};
