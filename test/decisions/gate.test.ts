import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { suppress } from '../../src/ledger/suppressions.ts';
import { token } from '../gateway/doors.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { type Options, openGate, type TestGate } from './gate.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const opened: TestGate[] = [];
afterEach(async () => {
  for (const gate of opened.splice(0)) await gate.close();
});

async function gateOf(options: Options = {}): Promise<TestGate> {
  const gate = await openGate(ledger, options);
  opened.push(gate);
  return gate;
}

test('whoever is validated and allocated is allowed, and holds the reward by then', async () => {
  const gate = await gateOf();
  expect(await gate.ask('ann')).toEqual({ status: 200, user_id: 'ann', allowed: true });
  expect(gate.held()).toEqual([gate.key('ann')]);
  expect(await gate.members()).toMatchObject([
    { customer: 'ann', code: 'SPINS', state: 'allocated', clearance: 'approved' },
  ]);
  expect(await gate.answers()).toEqual([{ instance: 0, answer: true, reason: 'given' }]);
});

test('what the check says of its campaign reaches Promotions and the platform', async () => {
  const gate = await gateOf();
  await gate.ask('ann');
  expect(gate.far.sent.map(({ kind, body }) => ({ kind, body }))).toMatchObject([
    {
      kind: 'validate',
      body: { campaignId: gate.campaignId, seriesId: '4021', isTriggered: true, channelId: '611' },
    },
    {
      kind: 'allocate',
      body: {
        campaign: {
          id: gate.campaignId,
          kind: 'triggered',
          seriesId: '4021',
          notes: 'vip only',
          tags: ['vip'],
          brandId: 'b1',
          channelIds: ['611'],
        },
        allocations: [{ customerId: 'ann', actionId: '77', templateId: '14', promoCode: 'SPINS' }],
      },
    },
  ]);
});

test('checks that wait for the same campaign and code share their calls', async () => {
  const gate = await gateOf();
  await gate.ask('first');
  const users = Array.from({ length: 200 }, (_, index) => `c${index}`);
  expect(new Set(await gate.askAll(users))).toEqual(new Set([true]));
  expect(gate.held()).toHaveLength(201);
  expect(gate.far.of('validate').length).toBeLessThan(100);
});

test('a customer without a promo code is decided by the screen alone', async () => {
  const gate = await gateOf();
  expect((await gate.ask({ user: 'ann', codes: null })).allowed).toBe(true);
  expect(gate.far.sent).toEqual([]);
  expect(await gate.members()).toMatchObject([
    { customer: 'ann', state: 'cleared', clearance: 'approved' },
  ]);
});

test('of several promo codes all must be held', async () => {
  const gate = await gateOf();
  expect((await gate.ask({ user: 'ann', codes: ['SPINS', 'BONUS'] })).allowed).toBe(true);
  expect(gate.held().sort()).toEqual([gate.key('ann', 'BONUS'), gate.key('ann', 'SPINS')]);
  gate.far.rules.ineligible.add('bob');
  expect((await gate.ask({ user: 'bob', codes: ['SPINS', 'BONUS'] })).allowed).toBe(false);
  expect(gate.held()).toHaveLength(2);
});

test('without Promotions the platform decides alone', async () => {
  const gate = await gateOf({ withoutPromotions: true });
  gate.far.rules.declined.add('bob');
  expect(await gate.askAll(['ann', 'bob'])).toEqual([true, false]);
  expect(gate.far.of('validate')).toEqual([]);
  expect(gate.held()).toEqual([gate.key('ann')]);
  expect((await gate.answers()).map(({ reason }) => reason).sort()).toEqual([
    'declined: declined',
    'given',
  ]);
});

test('each refusal is false, with its reason in the ledger', async () => {
  const gate = await gateOf({
    world: (world) => ({ ...world, platform: { ...world.platform, screening: true } }),
  });
  const { far } = gate;
  far.rules.ineligible.add('ineligible');
  far.rules.declined.add('declined');
  far.rules.deniedBy.set('screened', 'self_excluded');
  await gate.ask('first');
  const acting = { by: 'ops', reason: 'asked to', request: 'r1' };
  await suppress(ledger.pool, gate.tenant, ['suppressed'], acting);
  const users = ['ineligible', 'declined', 'screened', 'suppressed'];
  expect(await gate.askAll(users)).toEqual([false, false, false, false]);
  await expect
    .poll(async () => (await gate.answers()).map(({ reason }) => reason).sort())
    .toEqual([
      'declined: declined',
      'given',
      'refused: not_eligible',
      'screened_out: self_excluded',
      'suppressed',
    ]);
  expect(gate.held()).toEqual([gate.key('first')]);
});

test('a promo code that Promotions does not know is refused before anything is asked', async () => {
  const gate = await gateOf();
  gate.far.rules.unknownCodes.add('NONE');
  expect((await gate.ask({ user: 'ann', codes: ['NONE'] })).allowed).toBe(false);
  expect(gate.far.sent).toEqual([]);
});

test('visitors are refused unless the tenant says otherwise', async () => {
  const strict = await gateOf();
  expect(await strict.ask({ user: 'v1', isVisitor: true })).toEqual({
    status: 200,
    user_id: 'v1',
    allowed: false,
  });
  const open = await gateOf({ triggered: { visitors: true } });
  expect((await open.ask({ user: 'v1', isVisitor: true })).allowed).toBe(true);
});

test('a repeat hears the answer of the first, and gives nothing again', async () => {
  const gate = await gateOf();
  gate.far.rules.ineligible.add('bob');
  for (let time = 0; time < 3; time += 1) {
    expect((await gate.ask('ann')).allowed).toBe(true);
    expect((await gate.ask('bob')).allowed).toBe(false);
  }
  expect(gate.far.of('allocate')).toHaveLength(1);
  expect(await gate.answers()).toHaveLength(2);
});

test('repeats at once through two gateways are one instance with one answer', async () => {
  const gate = await gateOf();
  const second = await gate.open();
  const users = Array.from({ length: 50 }, (_, index) => `c${index}`);
  gate.far.rules.ineligible.add('c7');
  const [here, there] = await Promise.all([gate.askAll(users), gate.askAll(users, second)]);
  expect(there).toEqual(here);
  expect(here.filter((allowed) => !allowed)).toHaveLength(1);
  expect(await gate.answers()).toHaveLength(50);
  expect([...gate.far.validated.values()].every((times) => times === 1)).toBe(true);
});

test('a later trigger is answered from the first, or is another instance, as the tenant says', async () => {
  for (const repeats of ['once', 'each'] as const) {
    const gate = await gateOf({ triggered: { repeats, repeatWindowSeconds: 600 } });
    expect((await gate.ask('ann')).allowed).toBe(true);
    await ledger.pool.query(
      `update answer set asked_at = asked_at - interval '601 s'
       where campaign = (select ref from campaign where id = $1)`,
      [gate.campaignId],
    );
    expect((await gate.ask('ann')).allowed).toBe(true);
    const instances = (await gate.answers()).map(({ instance }) => instance);
    expect(instances).toEqual(repeats === 'once' ? [0] : [0, 1]);
    expect(gate.held()).toEqual(instances.map((each) => gate.key('ann', 'SPINS', each)));
  }
});

test('a false that came of being late does not spend the only chance, one that was decided does', async () => {
  const gate = await gateOf({ triggered: { repeats: 'once', budgetMs: 400 } });
  const passWindow = () =>
    ledger.pool.query(
      `update answer set asked_at = asked_at - interval '601 s'
       where campaign = (select ref from campaign where id = $1)`,
      [gate.campaignId],
    );
  gate.far.rules.ineligible.add('bob');
  expect((await gate.ask('bob')).allowed).toBe(false);
  const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
  gate.far.mishap('validate', { acts: true, meanwhile: () => hangs });
  expect((await gate.ask('ann')).allowed).toBe(false);
  goOn();
  await expect
    .poll(async () => (await gate.answers()).map(({ reason }) => reason))
    .toEqual(['refused: not_eligible', 'late']);
  gate.far.rules.ineligible.clear();
  // One that has not learned that the far side is slow.
  const second = await gate.open();
  expect(await gate.askAll(['ann', 'bob'], second)).toEqual([false, false]);
  await passWindow();
  expect(await gate.askAll(['ann', 'bob'], second)).toEqual([true, false]);
  expect(gate.held()).toEqual([gate.key('ann', 'SPINS', 1)]);
  await passWindow();
  expect(await gate.askAll(['ann', 'bob'], second)).toEqual([true, false]);
  expect(await gate.answers()).toHaveLength(3);
});

test('what cannot be understood is answered false under the same name', async () => {
  const gate = await gateOf();
  const address = `/gate/${gate.tenant}/another-token`;
  const { first } = gate;
  const path = `/gate/${gate.tenant}/${token}`;
  const answer = await first.post(path, JSON.stringify({ user: { user_id: 'ann' } }));
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ user_id: 'ann', allowed: false });
  expect((await first.post(path, 'no json')).status).toBe(400);
  expect((await first.post(address, '{}')).status).toBe(403);
  expect((await first.read(path)).status).toBe(405);
});

test('where rewards are claimed, whoever passes the screen is allowed and given nothing', async () => {
  const gate = await gateOf({
    triggered: { activation: 'claimed' },
    tenant: { apiKeys: ['shop-key'] },
  });
  expect((await gate.ask('ann')).allowed).toBe(true);
  expect(gate.far.sent).toEqual([]);
  expect(await gate.members()).toMatchObject([{ state: 'screened', clearance: 'approved' }]);
});

test('where any code is enough, one that is held allows the customer', async () => {
  const gate = await gateOf({ tenant: { scheduled: { codes: 'any' } } });
  gate.far.rules.unknownCodes.add('NONE');
  expect((await gate.ask({ user: 'ann', codes: ['NONE', 'SPINS'] })).allowed).toBe(true);
  expect(gate.held()).toEqual([gate.key('ann')]);
});

test('a promotion that was deactivated refuses its customers, with one alert', async () => {
  const gate = await gateOf({
    world: (world) => ({
      ...world,
      promotions: world.promotions && {
        ...world.promotions,
        validate: (asked) => ({
          ...(world.promotions ?? lost()).validate(asked),
          send: async () =>
            new Map(
              asked.customerIds.map((id) => [
                id,
                { eligible: false, reason: 'promotion_inactive' } as const,
              ]),
            ),
        }),
      },
    }),
  });
  expect(await gate.askAll(['ann', 'bob'])).toEqual([false, false]);
  expect((await gate.answers()).map(({ reason }) => reason)).toEqual([
    'refused: promotion_inactive',
    'refused: promotion_inactive',
  ]);
  await expect
    .poll(async () => {
      const alerts = await ledger.pool.query(
        "select from alert where kind = 'inactive_promotion' and campaign = $1",
        [gate.campaignId],
      );
      return alerts.rowCount;
    })
    .toBe(1);
});

function lost(): never {
  throw new Error('Promotions got lost');
}

test('a publisher decides in our place: the body goes to it as it came, once a trigger', async () => {
  const bodies: unknown[] = [];
  const gate = await gateOf({
    triggered: { gate: 'publisher' },
    tenant: { publisher: { baseUrl: 'http://127.0.0.1:9', apiKey: 'k' } },
    world: (world) => ({
      ...world,
      publisher: {
        async decide(body) {
          bodies.push(JSON.parse(body.toString()));
          return body.toString().includes('"ann"');
        },
        publish: () => {
          throw new Error('no check hands a batch over');
        },
      },
    }),
  });
  const second = await gate.open();
  expect(await gate.askAll(['ann', 'bob'])).toEqual([true, false]);
  expect(await gate.askAll(['ann', 'bob'], second)).toEqual([true, false]);
  expect(bodies).toHaveLength(2);
  expect(bodies[0]).toMatchObject({ campaign: { id: gate.campaignId, notes: 'vip only' } });
  expect(gate.far.sent).toEqual([]);
});

test('clients that send half a body, or nothing, keep nobody waiting', async () => {
  const gate = await gateOf();
  const { port } = new URL(gate.first.url);
  const sockets = Array.from({ length: 100 }, (_, index) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    const head = `POST /gate/${gate.tenant}/${token} HTTP/1.1\r\nhost: h\r\ncontent-length: 500\r\n\r\n`;
    if (index % 2 === 0) socket.write(`${head}{"user":`);
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  expect(await gate.askAll(['ann', 'bob'])).toEqual([true, true]);
  for (const socket of sockets) socket.destroy();
});
