import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import { fenceCampaign, holdCampaign } from '../../src/ledger/standing.ts';
import { haltTenant } from '../../src/ledger/tenants.ts';
import { openLedger, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch, type TestBatch } from './batch.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const given = ['screen', 'validate', 'allocate'] as const;

/** Every effect: the stages before it, the stage that has it, and what its members say afterwards. */
const effects = [
  { kind: 'validate', before: ['screen'], stage: 'validate', leaves: { state: 'validated' } },
  {
    kind: 'allocate',
    before: ['screen', 'validate'],
    stage: 'allocate',
    leaves: { state: 'allocated' },
  },
  { kind: 'upload', before: given, stage: 'upload', leaves: { state: 'allocated' } },
  {
    kind: 'publish',
    before: ['screen'],
    stage: 'publish',
    leaves: { state: 'published', clearance: 'delegated' },
  },
  { kind: 'report', before: given, stage: 'report', leaves: { clearance: 'approved' } },
  {
    kind: 'redeem',
    before: [...given, 'report', 'redeem'],
    stage: 'tell',
    leaves: { redemption: 'told' },
  },
  { kind: 'revoke', before: given, stage: 'deadline', leaves: { state: 'revoked' } },
] as const;

const forward = effects.filter(({ kind }) => kind !== 'revoke');

type Case = (typeof effects)[number];

async function openBefore(one: Case, customers = 3): Promise<TestBatch> {
  const batch = await openBatch(ledger, rowsOf(customers));
  await batch.walk(...one.before);
  return batch;
}

/** All members are where the effect leaves them, and no far side did anything twice. */
async function expectDone(batch: TestBatch, one: Case): Promise<void> {
  const members = await batch.members();
  expect(members).toEqual(members.map((member) => ({ ...member, ...one.leaves })));
  // Whoever is handed to the publisher is validated by it.
  const times = one.kind === 'publish' ? [] : members.map(() => 1);
  expect([...batch.far.validated.values()]).toEqual(times);
  expect(
    [...batch.far.redeemed.values()].every((times) => times === 1 || one.kind === 'redeem'),
  ).toBe(true);
  const open = (await batch.effects()).filter(({ outcome }) => outcome === null);
  expect(open).toEqual([]);
}

test.each(effects)('$kind: a second run makes no second call', async (one) => {
  const batch = await openBefore(one);
  await batch.walk(one.stage);
  await batch.walk(one.stage);
  expect(batch.far.of(one.kind)).toHaveLength(1);
  await expectDone(batch, one);
});

test.each(effects)(
  '$kind: a lost answer is found out about, and nothing is done twice',
  async (one) => {
    const batch = await openBefore(one);
    batch.far.mishap(one.kind, { acts: true, fault: lostAnswer() });
    await batch.walk(one.stage);
    await expectDone(batch, one);
    const [first, ...again] = batch.far.of(one.kind);
    expect(again.map(({ hash }) => hash)).toEqual(again.map(() => first?.hash));
  },
);

test.each(effects)('$kind: a call that was lost before it arrived is made again', async (one) => {
  const batch = await openBefore(one);
  batch.far.mishap(one.kind, { acts: false, fault: lostAnswer() });
  await batch.walk(one.stage);
  await expectDone(batch, one);
  expect(new Set(batch.far.of(one.kind).map(({ hash }) => hash)).size).toBe(1);
});

test.each(effects)(
  '$kind: a process that dies after the call leaves the rest to the next',
  async (one) => {
    const batch = await openBefore(one);
    expect(await batch.die(one.kind, one.stage)).toBe('died');
    await batch.walk(one.stage);
    await expectDone(batch, one);
    expect(new Set(batch.far.of(one.kind).map(({ hash }) => hash)).size).toBe(1);
  },
);

test.each(forward)('$kind: nothing leaves after the fence', async (one) => {
  const batch = await openBefore(one);
  await fenceCampaign(ledger.pool, batch.id, 'deleted');
  await batch.walk(one.stage);
  expect(batch.far.of(one.kind)).toEqual([]);
});

test.each(forward)('$kind: a repeat does not leave after the fence either', async (one) => {
  const batch = await openBefore(one);
  await batch.die(one.kind, one.stage);
  await fenceCampaign(ledger.pool, batch.id, 'deleted');
  await batch.walk(one.stage);
  expect(batch.far.of(one.kind)).toHaveLength(1);
});

test.each(forward.filter(({ kind }) => kind !== 'redeem'))(
  '$kind: nothing leaves while the campaign is held',
  async (one) => {
    const batch = await openBefore(one);
    await holdCampaign(ledger.pool, batch.ref, 'a person looks');
    expect(await batch.walk(one.stage)).toEqual({ stopped: 'held' });
    expect(batch.far.of(one.kind)).toEqual([]);
  },
);

test.each(forward.filter(({ kind }) => kind !== 'redeem'))(
  '$kind: nothing leaves after the stop',
  async (one) => {
    const batch = await openBefore(one);
    await ledger.pool.query('update campaign set stop = clock_timestamp() where ref = $1', [
      batch.ref,
    ]);
    expect(await batch.walk(one.stage)).toEqual({ stopped: 'late' });
    expect(batch.far.of(one.kind)).toEqual([]);
  },
);

test.each(forward)('$kind: nothing leaves while the tenant is halted', async (one) => {
  const batch = await openBefore(one);
  await haltTenant(ledger.pool, batch.id.tenant, 'optimove', 'our key is unknown');
  await batch.walk(one.stage);
  expect(batch.far.of(one.kind)).toEqual([]);
});

test('taking back leaves whatever stands against the campaign', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk(...given);
  await holdCampaign(ledger.pool, batch.ref, 'a person looks');
  await haltTenant(ledger.pool, batch.id.tenant, 'optimove', 'our key is unknown');
  await fenceCampaign(ledger.pool, batch.id, 'deleted');
  expect(await batch.walk('canceled')).toEqual({});
  expect(await batch.states()).toEqual(['revoked', 'revoked']);
});

test.each(effects)(
  '$kind: after a 429 everyone pauses, and the same call leaves again',
  async (one) => {
    const batch = await openBefore(one);
    const bucket = randomUUID();
    batch.far.rules.limit = { bucket, requests: 50, perMs: 10_000, spaced: false };
    const busy = new Fault('not_sent', 'answered 429', { status: 429, retryAfterMs: 200 });
    batch.far.mishap(one.kind, { acts: false, fault: busy });
    await batch.attempt(one.stage);
    await expectDone(batch, one);
    const sent = batch.far.of(one.kind);
    expect(sent).toHaveLength(2);
    expect(sent[0]?.hash).toBe(sent[1]?.hash);
    const paused = await ledger.pool.query<{ ms: number }>(
      `select extract(epoch from e.begun - s.granted)::float8 * 1000 as ms from effect e,
       (select min(granted) as granted from slot where bucket = $2) s
     where campaign = $1 and slot is not null and attempts = 2`,
      [batch.ref, bucket],
    );
    expect(paused.rows[0]?.ms).toBeGreaterThanOrEqual(200);
  },
);

test.each(effects)('$kind: a far side that does not know our key stops the stage', async (one) => {
  const batch = await openBefore(one);
  batch.far.mishap(one.kind, { acts: false, fault: new Fault('unauthorized', 'answered 401') });
  const end = await batch.attempt(one.stage);
  if (one.kind !== 'redeem') expect(end).toEqual({ stopped: 'halted' });
  expect((await batch.effects()).at(-1)?.outcome).toBe('not_sent');
  await batch.walk(one.stage);
  await expectDone(batch, one);
});

test.each(effects)(
  '$kind: a far side that cannot be reached is left to the next attempt',
  async (one) => {
    const batch = await openBefore(one);
    const away = new Fault('not_sent', 'ECONNREFUSED', { cause: new Error('ECONNREFUSED') });
    batch.far.mishap(one.kind, { acts: false, fault: away });
    await expect(batch.attempt(one.stage)).rejects.toThrow('ECONNREFUSED');
    await batch.walk(one.stage);
    await expectDone(batch, one);
  },
);

test('an older attempt of a batch begins nothing after a newer one has claimed it', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk('screen');
  batch.far.world.promotions.maxCustomersPerCall = 1;
  batch.far.mishap('validate', { acts: true, meanwhile: () => batch.attempt('deadline') });
  expect(await batch.attempt('validate')).toEqual({ stopped: 'superseded' });
  expect(batch.far.of('validate')).toHaveLength(1);
});
