import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { states } from '../../src/domain/assignment.ts';
import { record } from '../../src/ledger/batches.ts';
import {
  claimDebts,
  finishClaims,
  nextClaimDebtMs,
  unconfirmedPools,
} from '../../src/ledger/claim-debts.ts';
import { findClaimable, type NewClaims, openClaims } from '../../src/ledger/claims.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import type { Intent } from '../../src/ledger/effects.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { createNumbers } from '../../src/ledger/pools.ts';
import { spreadSuppressions } from '../../src/ledger/suppression-marks.ts';
import { suppress } from '../../src/ledger/suppressions.ts';
import type { SlotRequest } from '../../src/world.ts';
import { openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const claims = { recipe: ['validate', 'allocate'], reportStatus: 'always' } as const;

/** A campaign of so many customers who were approved, c1 and on. */
async function approvedCampaign(customers = 3) {
  const { pool } = ledger;
  const plan = { claims: { ...claims, recipe: [...claims.recipe] } };
  const { ref, id } = await runningCampaign(pool, rowsOf(customers), { plan });
  const all = Array.from({ length: customers }, (_, index) => index + 1);
  const batch = { campaign: ref, number: 1 };
  await record(
    pool,
    batch,
    all.map((position) => ({ position, state: 'passed', clearance: 'told_true' }) as const),
  );
  const nextNumber = createNumbers(pool);
  return {
    ...{ ref, id, batch },
    find: async (customerId: string) =>
      (await findClaimable(pool, [{ campaign: ref, customerId }]))[0],
    async move(
      customers: string[],
      given: { slot?: SlotRequest; expiresAt?: number; places?: number[] } = {},
    ) {
      const number = await nextNumber();
      const opened: NewClaims = {
        ...{ campaign: ref, number, said: {}, leftMs: 1_000 },
        members: customers.map((customerId, index) => {
          const position = given.places?.[index] ?? Number(customerId.slice(1));
          return { customerId, code: 1, instance: 0, batch: 1, position };
        }),
        expiresAt: given.expiresAt ?? Date.now() + 60_000,
      };
      const intent: Intent = {
        ...{ campaign: ref, batch: number, kind: 'validate', epoch: 1, hash: 'hash', kept: {} },
        ...{ key: `validate/${number}`, token: 0, change: 0, aliveMs: 1_000 },
        positions: customers.map((_, index) => index + 1),
      };
      return { number, ...(await openClaims(pool, opened, intent, given.slot)) };
    },
  };
}

test('a claimed assignment moves, and its old place is counted no more', async () => {
  const { ref, move, find } = await approvedCampaign();
  const { verdict, number } = await move(['c3', 'c1']);
  expect(verdict).toBe('begun');
  expect(await find('c1')).toMatchObject([
    { batch: number, position: 2, state: 'screened', clearance: 'approved', isClaimed: true },
  ]);
  expect(await find('c2')).toMatchObject([{ batch: 1, position: 2, isClaimed: false }]);
  expect(await countCampaign(ledger.pool, ref)).toMatchObject({
    audience: 3,
    approvedCustomers: 3,
    states: { screened: 3 },
  });
});

test('a place that somebody else has moved, or that never was the customer’s, moves nobody', async () => {
  const { move, find } = await approvedCampaign();
  await move(['c1']);
  expect((await move(['c2', 'c1'])).verdict).toBe('stale');
  expect((await move(['c3'], { places: [2] })).verdict).toBe('stale');
  expect(await find('c2')).toMatchObject([{ batch: 1 }]);
});

test('a look at a few customers reads of the ledger what is theirs, however many have claimed', async () => {
  const { ref, move } = await approvedCampaign(300);
  for (let first = 1; first <= 200; first += 5) {
    const customers = Array.from({ length: 5 }, (_, index) => `c${first + index}`);
    expect((await move(customers)).verdict).toBe('begun');
  }
  const connection = ledger.connect(1);
  await connection.query('begin');
  const looked = ['c1', 'c250', 'c251'].map((customerId) => ({ campaign: ref, customerId }));
  expect((await findClaimable(connection, looked)).map((places) => places.length)).toEqual([
    1, 1, 1,
  ]);
  const { rows } = await connection.query<{ table: string; read: number }>(
    `select relname as table, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
     from pg_stat_xact_user_tables where relname in ('assignment', 'batch', 'change') order by 1`,
  );
  await connection.query('commit');
  expect(rows.map(({ table }) => table)).toEqual(['assignment', 'batch', 'change']);
  expect(Math.max(...rows.map(({ read }) => read))).toBeLessThanOrEqual(looked.length);
});

test('of two pools with one customer one moves him, however often', async () => {
  for (let round = 0; round < 50; round += 1) {
    const { move } = await approvedCampaign();
    const moved = await Promise.all([move(['c1', 'c2']), move(['c2', 'c1', 'c3']), move(['c2'])]);
    const verdicts = moved.map(({ verdict }) => verdict).sort();
    expect(verdicts).toEqual(['begun', 'stale', 'stale']);
  }
});

test('whoever was told false, or was suppressed, moves nowhere', async () => {
  const { pool } = ledger;
  const { batch, move, find, id } = await approvedCampaign();
  await record(pool, batch, [{ position: 1, clearance: 'told_false' }]);
  await suppress(pool, id.tenant, ['c2'], { by: 'ops', reason: 'asked', request: randomUUID() });
  expect((await move(['c1'])).verdict).toBe('stale');
  expect((await move(['c2'])).verdict).toBe('stale');
  expect(await find('c2')).toMatchObject([{ isSuppressed: true }]);
  await spreadSuppressions(pool, id.tenant);
  expect(await find('c2')).toMatchObject([{ reason: 'suppressed' }]);
});

test('without a slot, or after the end, nothing moves', async () => {
  const { move, find } = await approvedCampaign();
  const slot: SlotRequest = {
    ...{ bucket: randomUUID(), requests: 1, windowMs: 60_000, spaced: false },
    ...{ process: randomUUID(), class: 'interactive', deadline: Date.now(), stage: 1 },
  };
  expect((await move(['c1'], { slot })).verdict).toBe('begun');
  expect((await move(['c2'], { slot })).verdict).toBe('wait');
  expect((await move(['c2'], { expiresAt: Date.now() - 1 })).verdict).toBe('late');
  expect(await find('c2')).toMatchObject([{ batch: 1, state: 'screened' }]);
});

const ending = { confirms: true, redeemInMs: undefined };

test('a pool is to be confirmed five seconds after its end, and all that end meanwhile go with it', async () => {
  const { pool } = ledger;
  const { ref, id, move } = await approvedCampaign();
  // Where nothing is to come, nobody waits for it: settlement ends.
  expect(await nextClaimDebtMs(pool, id.tenant)).toBeUndefined();
  const first = await move(['c1']);
  const second = await move(['c2']);
  for (const { number } of [first, second]) {
    await finishClaims(pool, { campaign: ref, number }, ending);
  }
  expect(await claimDebts(pool, id.tenant)).toEqual([]);
  const waitMs = (await nextClaimDebtMs(pool, id.tenant)) ?? Infinity;
  expect(waitMs).toBeLessThanOrEqual(5_000);
  await pool.query(
    'update batch set confirm_at = clock_timestamp() where campaign = $1 and number = $2',
    [ref, first.number],
  );
  expect(await claimDebts(pool, id.tenant)).toEqual([{ campaign: ref, number: first.number }]);
  expect(await unconfirmedPools(pool, ref, first.number, 10_000)).toEqual([
    first.number,
    second.number,
  ]);
});

test('one confirmation is of no more customers than it may hold, and the rest stays due', async () => {
  const { pool } = ledger;
  const { ref, move } = await approvedCampaign();
  const one = await move(['c1']);
  const two = await move(['c2', 'c3']);
  for (const { number } of [one, two]) {
    await finishClaims(pool, { campaign: ref, number }, ending);
  }
  expect(await unconfirmedPools(pool, ref, two.number, 2)).toEqual([two.number]);
  expect(await unconfirmedPools(pool, ref, two.number, 3)).toEqual([two.number, one.number]);
});

test('whoever was approved must have passed the screen, and a moved place needs no key', async () => {
  const { pool } = ledger;
  const { ref, id, move } = await approvedCampaign();
  await move(['c1']);
  await pool.query("update campaign set phase = 'closed' where ref = $1", [ref]);
  const violated = async () =>
    (await verify(pool, { tenant: id.tenant })).flatMap(({ examples }) => examples);
  expect(await violated()).toEqual([]);
  await pool.query(
    'update batch set state = set_byte(state, 1, $2) where campaign = $1 and number = 1',
    [ref, states.indexOf('screened_out')],
  );
  expect(await violated()).toEqual(
    expect.arrayContaining([expect.stringContaining('approved, but screened_out')]),
  );
});
