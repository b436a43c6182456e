import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operatorActivities } from '../../src/activities/operators.ts';
import { tenantsWithDebts } from '../../src/ledger/debts.ts';
import { transaction } from '../../src/ledger/pool.ts';
import {
  hasUnspread,
  spreadSuppressions,
  suppressionDebts,
} from '../../src/ledger/suppression-marks.ts';
import { suppress, unsuppress } from '../../src/ledger/suppressions.ts';
import { timeline } from '../../src/ledger/timeline.ts';
import { openBatch, type TestBatch } from '../stages/batch.ts';
import { lostAnswer } from '../stages/far-sides.ts';
import { openLedger, row, rowsOf, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const quiet = () => {};
const silent = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

const given = ['screen', 'validate', 'allocate'] as const;

function acting(reason = 'self-excluded') {
  return { by: 'duty', reason, request: randomUUID() };
}

/** As the operator API does it, with the worker away. */
async function suppressOne(batch: TestBatch, customerId: string): Promise<number> {
  await suppress(ledger.pool, batch.id.tenant, [customerId], acting());
  return spreadSuppressions(ledger.pool, batch.id.tenant);
}

function told(batch: TestBatch): { customerId: string; approved: boolean }[][] {
  return batch.far.of('report').map(({ body }) => body.customers);
}

describe('a customer who is suppressed while the campaign is under way', () => {
  test('is given nothing more, and not approved', async () => {
    const batch = await openBatch(ledger, rowsOf(3));
    await batch.walk('screen', 'validate');
    expect(await suppressOne(batch, 'c2')).toBe(0);
    await batch.walk('allocate', 'report');
    expect(await batch.states()).toEqual(['allocated', 'lapsed', 'allocated']);
    expect(told(batch)).toEqual([
      [
        { customerId: 'c1', approved: true },
        { customerId: 'c2', approved: false },
        { customerId: 'c3', approved: true },
      ],
    ]);
    expect((await batch.members())[1]).toMatchObject({ reason: 'suppressed' });
  });

  test('is not given again what an allocation whose answer was lost did not give', async () => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk('screen', 'validate');
    batch.far.mishap('allocate', { acts: false, fault: lostAnswer() });
    await expect(batch.attempt('allocate')).rejects.toThrow();
    expect(await suppressOne(batch, 'c2')).toBe(1);
    await batch.walk('allocate');
    await batch.walk('report');
    expect(told(batch).flat()).toContainEqual({ customerId: 'c2', approved: false });
    await settle(batch);
    expect(await batch.states()).toEqual(['allocated', 'lapsed']);
    expect([...batch.far.allocations.keys()]).toEqual(['4711/c1/SPINS/0']);
    expect(await suppressionDebts(ledger.pool, batch.id.tenant)).toEqual([]);
  });

  test('is told false and loses what was given, and nobody else does', async () => {
    const batch = await openBatch(ledger, [row('c1', 'SPINS'), row('c2', 'SPINS', 'BETS')]);
    await batch.walk(...given, 'report', 'redeem');
    expect(await suppressOne(batch, 'c2')).toBe(1);
    expect(await suppressionDebts(ledger.pool, batch.id.tenant)).toEqual([
      { campaign: batch.ref, number: 1 },
    ]);
    expect(await tenantsWithDebts(ledger.pool)).toContain(batch.id.tenant);
    await settle(batch);
    expect(told(batch).at(-1)).toEqual([{ customerId: 'c2', approved: false }]);
    expect(batch.far.of('revoke')).toMatchObject([{ body: { reason: 'suppressed' } }]);
    expect(await batch.states()).toEqual(['allocated', 'revoked', 'revoked']);
    const [first, ...others] = await batch.members();
    expect(first).toMatchObject({ clearance: 'approved', redemption: 'queued' });
    for (const other of others) {
      expect(other).toMatchObject({
        clearance: 'denied',
        redemption: 'none',
        reason: 'suppressed',
      });
    }
    expect(await suppressionDebts(ledger.pool, batch.id.tenant)).toEqual([]);
  });

  test('is told false first, and loses the reward also where the report comes too late', async () => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk(...given, 'report');
    await suppressOne(batch, 'c1');
    await ledger.pool.query(
      'update campaign set deadline = now(), stop = now(), last_report = now() where ref = $1',
      [batch.ref],
    );
    await settle(batch);
    expect(told(batch)).toHaveLength(1);
    expect(await batch.states()).toEqual(['revoked', 'allocated']);
    expect(await suppressionDebts(ledger.pool, batch.id.tenant)).toEqual([]);
  });

  test('is told false when the answer to the true was lost, after that was told again', async () => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk(...given);
    batch.far.mishap('report', { acts: true, fault: lostAnswer() });
    await expect(batch.attempt('report')).rejects.toThrow();
    expect(await suppressOne(batch, 'c2')).toBe(1);
    await settle(batch);
    expect(batch.far.cleared).toEqual(
      new Map([
        ['c1', true],
        ['c2', false],
      ]),
    );
    expect((await batch.members()).map(({ clearance }) => clearance)).toEqual([
      'approved',
      'denied',
    ]);
  });

  test('shows in the timeline that it was a suppression', async () => {
    const batch = await openBatch(ledger, rowsOf(1));
    await batch.walk(...given, 'report');
    await suppressOne(batch, 'c1');
    await settle(batch);
    const [shown] = await timeline(ledger.pool, { ...batch.id, customerId: 'c1' });
    expect(shown?.moments.map(({ what }) => what).slice(-3)).toEqual([
      'suppressed',
      'told',
      'revoked',
    ]);
  });
});

test('a suppression that was not looked for yet is a debt that settlement finds', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  const { tenant } = batch.id;
  await suppress(ledger.pool, tenant, ['c1'], acting());
  expect(await hasUnspread(ledger.pool, tenant)).toBe(true);
  expect(await tenantsWithDebts(ledger.pool)).toContain(tenant);
  await spreadSuppressions(ledger.pool, tenant);
  expect(await hasUnspread(ledger.pool, tenant)).toBe(false);
  expect(await batch.states()).toEqual(['lapsed']);
});

test('a suppression leaves closed and fenced campaigns alone', async () => {
  for (const change of [
    "phase = 'closed', deadline = now(), stop = now(), last_report = now()",
    "fence = 'operator', fenced_at = now()",
  ]) {
    const batch = await openBatch(ledger, rowsOf(1));
    await batch.walk(...given, 'report');
    await ledger.pool.query(`update campaign set ${change} where ref = $1`, [batch.ref]);
    expect(await suppressOne(batch, 'c1')).toBe(0);
    expect(await suppressionDebts(ledger.pool, batch.id.tenant)).toEqual([]);
    expect((await batch.members())[0]?.reason).toBeUndefined();
  }
});

test('a customer of the same hash and another id is left alone', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await ledger.pool.query(
    `update assignment set customer = md5('c9')::uuid where campaign = $1 and position = 1`,
    [batch.ref],
  );
  await suppressOne(batch, 'c9');
  expect(await batch.states()).toEqual(['targeted', 'targeted']);
});

test('an act on the list leaves one row in the audit, and none where nothing was done', async () => {
  const tenant = `t-${randomUUID()}`;
  expect(await suppress(ledger.pool, tenant, ['a', 'b', 'a'], acting('by law'))).toBe(2);
  expect(await suppress(ledger.pool, tenant, ['b'], acting('again'))).toBe(0);
  expect(await unsuppress(ledger.pool, tenant, ['nobody'], acting())).toBe(0);
  const audited = await transaction(ledger.pool, (connection) =>
    connection.query(
      `select a.act, a.subject, a.actor, a.reason from audit a join tenant t on t.ref = a.tenant
       where t.name = $1 order by a.id`,
      [tenant],
    ),
  );
  expect(audited.rows).toEqual([
    { act: 'suppress add', subject: '3 customers', actor: 'duty', reason: 'by law' },
    { act: 'suppress add', subject: 'customer b', actor: 'duty', reason: 'again' },
  ]);
});

/** Settlement takes the batch on. */
async function settle(batch: TestBatch): Promise<void> {
  const { settleSuppressions } = operatorActivities(batch.house);
  const environment = new MockActivityEnvironment({}, { logger: silent });
  await environment.run(settleSuppressions, { campaign: batch.ref, number: 1 });
}
