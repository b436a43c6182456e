import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { finishClaims } from '../../src/ledger/claim-debts.ts';
import { openClaims } from '../../src/ledger/claims.ts';
import { debtsOf, debtsStatement, tenantsWithDebts } from '../../src/ledger/debts.ts';
import { createNumbers } from '../../src/ledger/pools.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { openLedger, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

/** A closed campaign with one pool of claims that its gateway has just opened. */
async function claimedCampaign() {
  const { pool } = ledger;
  const { ref, id } = await runningCampaign(pool, rowsOf(3));
  await pool.query(
    `update batch set state = '\\x010101', clearance = '\\x010101', finished = true where campaign = $1`,
    [ref],
  );
  const number = await createNumbers(pool)();
  const batch = { campaign: ref, number };
  await openClaims(
    pool,
    {
      ...{ ...batch, said: {}, leftMs: 25_000, expiresAt: Date.now() + 3_600_000 },
      members: [{ customerId: 'c1', code: 1, instance: 0, batch: 1, position: 1 }],
    },
    {
      ...{ campaign: ref, batch: number, kind: 'validate', epoch: 1, key: `validate/${number}` },
      ...{ hash: 'h', kept: {}, token: 0, change: 0, aliveMs: 25_000, positions: [1] },
    },
    undefined,
  );
  await pool.query("update campaign set phase = 'closed' where ref = $1", [ref]);
  const change = (set: string) =>
    pool.query(`update batch set ${set} where campaign = $1 and number = $2`, [ref, number]);
  return { ...batch, id, change };
}

let claimed: Awaited<ReturnType<typeof claimedCampaign>>;
beforeEach(async () => {
  claimed = await claimedCampaign();
});

const owes = async (): Promise<boolean> =>
  (await tenantsWithDebts(ledger.pool)).includes(claimed.id.tenant);

test('a claim is owed once its gateway has had its time', async () => {
  expect(await owes()).toBe(false);
  expect(await debtsOf(ledger.pool, claimed.id.tenant)).toMatchObject({ batchesWithClaims: 0 });
  await claimed.change('claimed_until = clock_timestamp()');
  expect(await owes()).toBe(true);
  expect(await debtsOf(ledger.pool, claimed.id.tenant)).toMatchObject({ batchesWithClaims: 1 });
  await finishClaims(ledger.pool, claimed, { confirms: false, redeemInMs: undefined });
  expect(await owes()).toBe(false);
});

test('a confirmation is owed from its time on, and shown from the end of its claims on', async () => {
  await finishClaims(ledger.pool, claimed, { confirms: true, redeemInMs: undefined });
  expect(await owes()).toBe(false);
  expect(await debtsOf(ledger.pool, claimed.id.tenant)).toMatchObject({
    batchesWithClaims: 0,
    batchesToConfirm: 1,
  });
  await claimed.change('confirm_at = clock_timestamp()');
  expect(await owes()).toBe(true);
});

test('what was claimed of a deleted campaign is owed by its cancellation alone', async () => {
  const { pool } = ledger;
  await claimed.change('claimed_until = clock_timestamp(), confirm_at = clock_timestamp()');
  await fenceCampaign(pool, claimed.id, 'deleted');
  await pool.query(`update campaign set summary = '{"reason": "deleted"}' where ref = $1`, [
    claimed.campaign,
  ]);
  expect(await owes()).toBe(false);
  expect(await debtsOf(pool, claimed.id.tenant)).toMatchObject({
    batchesWithClaims: 0,
    batchesToConfirm: 0,
  });
});

test('looking for debts reads what is open, however much has been settled', async () => {
  const { pool } = ledger;
  await pool.query(
    `insert into batch (campaign, number, size, people, finished, due, expires_at, claimed_until,
       customers, action, code, leads, state, clearance, redemption, reason)
     select campaign, 2000000 + n, 1, 0, true, due, expires_at, claimed_until,
       customers, action, code, leads, state, clearance, redemption, reason
     from batch cross join generate_series(1, 5000) n where campaign = $1 and number = $2`,
    [claimed.campaign, claimed.number],
  );
  await pool.query(
    `insert into answer (campaign, customer, instance, due, answer)
     select $1, md5('c' || n)::uuid, 0, clock_timestamp(), true from generate_series(1, 5000) n`,
    [claimed.campaign],
  );
  await pool.query(
    `insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until, outcome)
     select $1, 2000000 + n, 'validate', 1, $2 || n, 'h', '{[1,2)}', '{}', now(), now(), 'done'
     from generate_series(1, 5000) n`,
    [claimed.campaign, randomUUID()],
  );
  await pool.query('analyze');
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${debtsStatement}`, ['{}']);
  const plan = rows.map((row) => row['QUERY PLAN']);
  const scans = plan.filter((line) => /Scan.* on (batch|answer|effect)/.test(line));
  expect(scans.length).toBeGreaterThan(5);
  // A primary key would serve as well, and go through all that a campaign ever gave.
  const open =
    /(effect_open|batch_(redemptions|suppressions|undecided|claims|confirms)|answer_open)/;
  expect(scans.filter((line) => !open.test(line) && !line.includes('Bitmap Heap'))).toEqual([]);
});
