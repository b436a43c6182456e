import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { verify } from '../../src/ledger/invariants.ts';
import { openLedger, type TestLedger } from '../ledger/ledger.ts';
import { openGrants, type TestGrants } from '../stages/event-eleven.ts';
import { type Question, shopKey } from './gate.ts';
import { openMuteLedger } from './mute-ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function claimedGate(budgetMs = 1_500): Promise<TestGrants> {
  const gate = await openGrants(ledger, {
    triggered: { activation: 'claimed', budgetMs },
    tenant: { apiKeys: [shopKey] },
  });
  closing.push(
    () => gate.close(),
    async () => {
      const found = await verify(ledger.pool, { tenant: gate.tenant });
      expect(found.flatMap(({ examples }) => examples)).toEqual([]);
    },
  );
  return gate;
}

/** The rewards are claimed, and a gateway has told ann false, because it never heard that its true was written. */
async function gateInDoubt(question: Question = {}) {
  const gate = await claimedGate(400);
  const mute = await openMuteLedger(ledger.url);
  closing.splice(0, 0, () => mute.close());
  closing.push(async () => mute.letThrough());
  const doubting = await gate.open(mute.url);
  mute.muteAfterCommit();
  expect((await gate.ask({ ...question, user: 'ann' }, doubting)).allowed).toBe(false);
  expect(await gate.answers()).toMatchObject([{ answer: true }]);
  return { gate, mute };
}

/** Claims have been looked for again and again, because nothing is decided of them. */
async function expectWaiting(): Promise<void> {
  const looks = new Set<string>();
  await expect
    .poll(
      async () => {
        const found = await ledger.pool.query<{ at: string }>(
          `select query_start::text as at from pg_stat_activity
           where datname = current_database() and query like '%as "promoCode"%' and pid <> pg_backend_pid()`,
        );
        for (const { at } of found.rows) looks.add(at);
        return looks.size;
      },
      { interval: 5, timeout: 4_000 },
    )
    .toBeGreaterThan(4);
}

const facts = async (gate: TestGrants) =>
  (await gate.members()).map(({ state, clearance }) => `${state} ${clearance}`);

test('what was told false in doubt cannot be claimed, neither before nor after it is written', async () => {
  const { gate, mute } = await gateInDoubt();
  const claiming = gate.claim();
  await expectWaiting();
  mute.letThrough();
  expect(await claiming).toMatchObject({ reason: 'not_targeted' });
  expect(await gate.answers()).toMatchObject([{ answer: false }]);
  expect(await facts(gate)).toEqual(['lapsed denied']);
  expect(gate.far.of('validate')).toEqual([]);
});

test('a gateway that dies in doubt leaves nothing to claim until event 11 tells that the campaign was sent', async () => {
  const { gate } = await gateInDoubt();
  const claiming = gate.claim();
  await expectWaiting();
  expect(gate.far.of('validate')).toEqual([]);
  await gate.event('ann');
  await gate.round();
  expect(await claiming).toMatchObject({ status: 'granted' });
});

test('without a promo code nobody stays approved who was told false in doubt', async () => {
  const { gate, mute } = await gateInDoubt({ codes: null });
  mute.letThrough();
  await expect.poll(() => facts(gate), { timeout: 10_000 }).toEqual(['lapsed denied']);
});

test('a true that can be claimed is marked before it is told', async () => {
  const gate = await claimedGate();
  for (const user of ['ann', 'bob', 'cleo', 'dan']) {
    expect((await gate.ask(user)).allowed).toBe(true);
    const untold = await ledger.pool.query(
      `select from answer a join campaign c on c.ref = a.campaign
       join tenant t on t.ref = c.tenant where t.name = $1 and a.answer and not a.told`,
      [gate.tenant],
    );
    expect(untold.rowCount).toBe(0);
  }
});
