import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { batchActivities } from '../../src/activities/batch.ts';
import type { Activated } from '../../src/activities/house.ts';
import { operatorActivities } from '../../src/activities/operators.ts';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import { isFinal, states } from '../../src/domain/assignment.ts';
import { Fault } from '../../src/domain/fault.ts';
import { holdByOperator, releaseByOperator } from '../../src/ledger/acts.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { spreadSuppressions } from '../../src/ledger/suppression-marks.ts';
import { suppress } from '../../src/ledger/suppressions.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import type { Call } from '../../src/world.ts';
import type { Doors } from '../gateway/doors.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { lostAnswer } from '../stages/far-sides.ts';
import { type Options, openGate, type TestGate } from './gate.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGate[] = [];
afterEach(async () => {
  for (const gate of opened.splice(0)) {
    const found = await verify(ledger.pool, { tenant: gate.tenant });
    expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    await gate.close();
  }
});

async function gateOf(options: Options = {}): Promise<TestGate> {
  const gate = await openGate(ledger, options);
  opened.push(gate);
  return gate;
}

const quick = { triggered: { budgetMs: 400 } };

/** What a worker would do for a tenant's debts, once. */
async function settleDebts(gate: TestGate): Promise<void> {
  const house: Activated = {
    pool: ledger.pool,
    turns: createTurns({ pool: ledger.pool }),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    metrics: { turnCame: () => {}, effectEnded: () => {} },
    worlds: new Map([[gate.tenant, gate.world]]),
    tenants: new Map(),
    kickSettlement: () => {},
  };
  const { debts, answerOverdue, settlePool } = upkeepActivities(house);
  const { batchesToRevoke, revokeBatch } = batchActivities(house);
  const run = <T>(work: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(work);
  const owed = await debts({ tenant: gate.tenant });
  if (owed.overdue) await answerOverdue({ tenant: gate.tenant });
  for (const debt of owed.pools) await run(() => settlePool(debt));
  for (const debt of owed.suppressions) {
    await run(() => operatorActivities(house).settleSuppressions(debt));
  }
  for (const { campaignId } of owed.canceled) {
    expect(campaignId).toBe(gate.campaignId);
    const ref = (await gate.campaign())?.ref ?? 0;
    for (const batch of await batchesToRevoke({ ref, reason: 'canceled' })) {
      await run(() => revokeBatch({ ref, batch, reason: 'canceled' }));
    }
  }
}

const ended: string[] = states.filter(isFinal);

/** Nothing is held, and the ledger says so, once whoever takes back has done so. */
async function expectNothingLeft(gate: TestGate, users: readonly string[]): Promise<void> {
  await expect
    .poll(
      async () => {
        await settleDebts(gate);
        const answers = (await gate.answers()).map(({ answer }) => answer);
        const undecided = (await gate.members()).filter(({ state }) => !ended.includes(state));
        return { held: gate.held(), answers, undecided };
      },
      { timeout: 10_000 },
    )
    .toEqual({ held: [], answers: users.map(() => false), undecided: [] });
  for (const user of users) expect((await gate.ask(user)).allowed).toBe(false);
}

test('a lost validation is false, and nothing is left of it', async () => {
  const gate = await gateOf();
  gate.far.mishap('validate', { acts: true, fault: lostAnswer() });
  expect((await gate.ask('ann')).allowed).toBe(false);
  await expectNothingLeft(gate, ['ann']);
  expect(await gate.members()).toMatchObject([{ state: 'lapsed' }]);
});

test.each([true, false])(
  'a lost allocation is false, and taken back (it acted: %s)',
  async (acts) => {
    const gate = await gateOf();
    gate.far.mishap('allocate', { acts, fault: lostAnswer() });
    expect((await gate.ask('ann')).allowed).toBe(false);
    await expect.poll(() => gate.far.of('revoke').length).toBe(1);
    await expectNothingLeft(gate, ['ann']);
    expect(gate.far.sent.at(-1)?.body).toMatchObject({ reason: 'late' });
    expect(gate.far.allocations.get(gate.key('ann'))).toBe('revoked');
  },
);

test('a far side that answers too late is answered for in time, and what it gave is taken back', async () => {
  const gate = await gateOf(quick);
  const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
  gate.far.mishap('allocate', { acts: true, meanwhile: () => hangs });
  const startedAt = performance.now();
  expect((await gate.ask('ann')).allowed).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  goOn();
  await expect.poll(() => gate.far.of('revoke').length, { timeout: 5_000 }).toBe(1);
  await expectNothingLeft(gate, ['ann']);
  expect((await gate.answers())[0]?.reason).toBe('late');
});

test('a false of a trigger that a crash of the ledger has lost is written anew', async () => {
  const gate = await gateOf(quick);
  const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
  gate.far.mishap('validate', { acts: true, meanwhile: () => hangs });
  const answer = gate.ask('ann');
  await expect.poll(() => gate.far.of('validate').length).toBe(1);
  const ref = (await gate.campaign())?.ref;
  await ledger.pool.query('delete from answer where campaign = $1', [ref]);
  expect((await answer).allowed).toBe(false);
  await expect.poll(async () => (await gate.answers()).map((one) => one.answer)).toEqual([false]);
  expect((await gate.ask('ann', await gate.open())).allowed).toBe(false);
  goOn();
  await expectNothingLeft(gate, ['ann']);
});

test('a far side that hangs keeps the others waiting no longer than the budget', async () => {
  const gate = await gateOf(quick);
  const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
  const hanging = { acts: true, meanwhile: () => hangs };
  gate.far.mishap('validate', hanging, hanging, hanging, hanging);
  for (const user of ['a', 'b', 'c', 'd']) expect((await gate.ask(user)).allowed).toBe(false);
  goOn();
  await expect.poll(() => gate.far.of('validate').length).toBe(4);
});

test.each(['validate', 'allocate'] as const)(
  'a gateway that dies after it sent %s leaves nothing behind, and its checks are false',
  async (kind) => {
    const gate = await gateOf(quick);
    const dying = await gate.open();
    gate.far.mishap(kind, { acts: true, meanwhile: () => dying.pool.end() });
    expect((await gate.ask('ann', dying)).allowed).toBe(false);
    await expectNothingLeft(gate, ['ann']);
    expect(gate.far.of('validate')).toHaveLength(1);
  },
);

test.each(['validate', 'allocate'] as const)(
  'a gateway that dies after it began %s, and before it sends it, leaves nothing behind',
  async (kind) => {
    let dying: Doors | undefined;
    /** The last that the gateway does: what it was about to send never leaves. */
    const lastOf = <A>(call: Call<A>): Call<A> => ({
      ...call,
      send: async (permit) => {
        if (!dying) return call.send(permit);
        await dying.pool.end();
        return Promise.withResolvers<A>().promise;
      },
    });
    const gate = await gateOf({
      ...quick,
      world: (world) => {
        const { promotions, platform } = world;
        if (!promotions) throw new Error('Promotions got lost');
        return kind === 'validate'
          ? {
              ...world,
              promotions: {
                ...promotions,
                validate: (asked) => lastOf(promotions.validate(asked)),
              },
            }
          : {
              ...world,
              platform: { ...platform, allocate: (order) => lastOf(platform.allocate(order)) },
            };
      },
    });
    dying = await gate.open();
    expect((await gate.ask('ann', dying)).allowed).toBe(false);
    dying = undefined;
    const begun = await ledger.pool.query(
      `select e.kind, e.outcome from effect e join campaign c on c.ref = e.campaign
       where c.id = $1 order by e.id desc limit 1`,
      [gate.campaignId],
    );
    expect(begun.rows).toEqual([{ kind, outcome: null }]);
    await expectNothingLeft(gate, ['ann']);
    expect(gate.far.of(kind)).toEqual([]);
    expect(await gate.members()).toMatchObject([
      { state: expect.stringMatching(/lapsed|revoked/) },
    ]);
  },
);

test('a gateway that dies before it answers has its true stand', async () => {
  const gate = await gateOf();
  const dying = await gate.open();
  const answer = gate.ask('ann', dying);
  await expect.poll(async () => (await gate.answers())[0]?.answer).toBe(true);
  expect((await gate.ask('ann')).allowed).toBe(true);
  await answer;
  await settleDebts(gate);
  expect(gate.held()).toEqual([gate.key('ann')]);
});

test('a gateway that has taken a check in and dies leaves it to be answered false', async () => {
  const gate = await gateOf(quick);
  const ref = (await gate.ask({ user: 'ann', codes: null })) && (await gate.campaign())?.ref;
  await ledger.pool.query(
    `insert into answer (campaign, customer, instance, due)
     values ($1, md5('bob')::uuid, 0, clock_timestamp() + interval '100 ms')`,
    [ref],
  );
  expect((await gate.ask('bob')).allowed).toBe(false);
  expect((await gate.answers()).map(({ reason }) => reason)).toEqual(['passed', 'late']);
});

test('429 is waited for as far as the budget allows, under the same key', async () => {
  const gate = await gateOf();
  gate.far.rules.limit = { bucket: gate.tenant, requests: 50, perMs: 10_000, spaced: true };
  const busy = new Fault('not_sent', 'answered 429', { status: 429, retryAfterMs: 100 });
  gate.far.mishap('validate', { acts: false, fault: busy });
  expect((await gate.ask('ann')).allowed).toBe(true);
  expect(gate.far.of('validate')).toHaveLength(2);
});

test('a call that is refused for one customer is halved, and the others are given theirs', async () => {
  const gate = await gateOf();
  gate.far.rules.poison.add('bad');
  await gate.ask('first');
  const users = ['a', 'b', 'bad', 'c'];
  const answers = await gate.askAll(users);
  expect(answers).toEqual([true, true, false, true]);
});

test('event 4 ends a campaign: nothing new is allowed, and everything is taken back', async () => {
  const gate = await gateOf();
  expect(await gate.askAll(['ann', 'bob'])).toEqual([true, true]);
  await fenceCampaign(ledger.pool, gate, 'deleted');
  expect((await gate.ask('cyd')).allowed).toBe(false);
  expect((await gate.ask({ user: 'dan', codes: null })).allowed).toBe(false);
  await settleDebts(gate);
  expect(gate.held()).toEqual([]);
  expect((await gate.answers()).filter(({ reason }) => reason === 'fenced')).toHaveLength(2);
});

test('a campaign deleted before its first check is never begun', async () => {
  const gate = await gateOf();
  await fenceCampaign(ledger.pool, gate, 'deleted');
  expect((await gate.ask('ann')).allowed).toBe(false);
  expect(gate.far.sent).toEqual([]);
});

test('a fence that comes while a pool is validated ends it before anything is given', async () => {
  const gate = await gateOf();
  gate.far.mishap('validate', {
    acts: true,
    meanwhile: () => fenceCampaign(ledger.pool, gate, 'deleted'),
  });
  expect((await gate.ask('ann')).allowed).toBe(false);
  expect(gate.far.of('allocate')).toEqual([]);
});

test('a true that is committed after false was told is taken back, and false stands', async () => {
  const gate = await gateOf(quick);
  const blocking = await ledger.pool.connect();
  gate.far.mishap('allocate', {
    acts: true,
    meanwhile: async () => {
      const ref = (await gate.campaign())?.ref;
      await blocking.query('begin');
      await blocking.query('select from batch where campaign = $1 for update', [ref]);
    },
  });
  expect((await gate.ask('ann')).allowed).toBe(false);
  await blocking.query('rollback');
  blocking.release();
  await expect
    .poll(async () => [gate.held(), (await gate.members())[0]?.state], { timeout: 5_000 })
    .toEqual([[], 'revoked']);
  expect(await gate.answers()).toEqual([{ instance: 0, answer: false, reason: 'ledger_away' }]);
  expect((await gate.ask('ann')).allowed).toBe(false);
});

test('whoever is suppressed while a pool is validated is given nothing, and the others are', async () => {
  const gate = await gateOf();
  await gate.ask('first');
  gate.far.mishap('validate', {
    acts: true,
    meanwhile: async () => {
      const acting = { by: 'ops', reason: 'asked to', request: randomUUID() };
      await suppress(ledger.pool, gate.tenant, ['bad'], acting);
      await spreadSuppressions(ledger.pool, gate.tenant);
    },
  });
  const users = ['bad', 'good'];
  const answers = await Promise.all(
    users.map(async (user) => (await gate.ask({ user, codes: ['OTHER'] })).allowed),
  );
  expect(answers).toEqual([false, true]);
  expect(gate.held().sort()).toEqual([gate.key('first'), gate.key('good', 'OTHER')].sort());
});

test('while a campaign is held its checks are false, and after the release new ones are not', async () => {
  const gate = await gateOf();
  await gate.ask('first');
  const acting = { by: 'ops', reason: 'a person looks', request: randomUUID() };
  const id = { tenant: gate.tenant, campaignId: gate.campaignId };
  expect(await holdByOperator(ledger.pool, id, acting)).toBeUndefined();
  expect((await gate.ask('held')).allowed).toBe(false);
  const releasing = { ...acting, request: randomUUID(), approves: true };
  expect(await releaseByOperator(ledger.pool, id, releasing)).toBeUndefined();
  expect(await gate.askAll(['held', 'new', 'first'])).toEqual([false, true, true]);
});

test('whoever is suppressed after a yes loses what it gave', async () => {
  const gate = await gateOf();
  expect(await gate.askAll(['ann', 'bob'])).toEqual([true, true]);
  const acting = { by: 'ops', reason: 'asked to', request: randomUUID() };
  await suppress(ledger.pool, gate.tenant, ['ann'], acting);
  await spreadSuppressions(ledger.pool, gate.tenant);
  await settleDebts(gate);
  expect(gate.held()).toEqual([gate.key('bob')]);
  expect(gate.far.of('report')).toEqual([]);
});

test('whoever wins the race at the due, the customer, the ledger and the platform agree', async () => {
  const gate = await gateOf({ triggered: { budgetMs: 150 } });
  const told = new Map<string, boolean>();
  for (let round = 0; round < 15; round += 1) {
    // Answers come from well before the due until well after it; a new gateway has not learned yet
    // that they are slow, and begins what it would not begin later.
    const doors = await gate.open();
    const takesMs = 40 + round * 6;
    gate.far.mishap('allocate', { acts: true, meanwhile: () => delay(takesMs) });
    const users = Array.from({ length: 10 }, (_, index) => `r${round}-${index}`);
    const answers = await gate.askAll(users, doors);
    for (const [index, user] of users.entries()) told.set(user, answers[index] ?? false);
  }
  expect(new Set(told.values())).toEqual(new Set([true, false]));
  const allowed = [...told].flatMap(([user, isAllowed]) => (isAllowed ? [gate.key(user)] : []));
  await expect
    .poll(
      async () => {
        await settleDebts(gate);
        const answers = (await gate.answers()).map(({ answer }) => answer);
        return {
          held: gate.held().sort(),
          yes: answers.filter(Boolean).length,
          open: answers.includes(null),
        };
      },
      { timeout: 10_000 },
    )
    .toEqual({ held: allowed.sort(), yes: allowed.length, open: false });
  for (const [user, isAllowed] of told) expect((await gate.ask(user)).allowed).toBe(isAllowed);
});
