import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteInactive } from '../../src/ledger/codes.ts';
import { appendChange } from '../../src/ledger/columns.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { openLedger, row, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch } from './batch.ts';
import { lostAnswer } from './far-sides.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

test('suppressed customers, those the platform denies, and strangers do not pass the screen', async () => {
  const rows = [row('a', 'X'), row('b', 'X', 'Y'), row('c'), row('d', 'X'), row('e', 'X')];
  const onlyCustomers = ['a', 'b', 'c', 'd'];
  const limits = { maxAudience: 10, onlyCustomers };
  const batch = await openBatch(ledger, rows, { plan: { limits } });
  batch.far.rules.deniedBy.set('b', 'self_excluded');
  await ledger.pool.query(
    "insert into suppression (tenant, customer, reason) select ref, 'd', 'asked us' from tenant where name = $1",
    [batch.id.tenant],
  );
  await batch.walk('screen');
  const screened = (await batch.members()).map(({ state, reason }) => [state, reason]);
  expect(screened).toEqual([
    ['screened', undefined],
    ['screened_out', 'self_excluded'],
    ['screened_out', 'self_excluded'],
    ['cleared', undefined],
    ['screened_out', 'asked us'],
    ['screened_out', 'not_in_only_customers'],
  ]);
  expect(batch.far.reads.screened).toEqual([
    { customerId: 'a', promoCodes: ['X'] },
    { customerId: 'b', promoCodes: ['X', 'Y'] },
    { customerId: 'c', promoCodes: [] },
  ]);
});

test('each code is validated with its own promocode, and an unknown one is refused alone', async () => {
  const batch = await openBatch(ledger, [row('a', 'X', 'Y'), row('b', 'Y', 'LOST'), row('c', 'X')]);
  batch.far.rules.unknownCodes.add('LOST');
  batch.far.rules.ineligible.add('c');
  await batch.walk('screen', 'validate');
  const asked = batch.far.of('validate').map(({ body }) => body);
  expect(asked).toMatchObject([
    { promocodeId: 'id of X', customerIds: ['a', 'c'] },
    { promocodeId: 'id of Y', customerIds: ['a', 'b'] },
  ]);
  expect((await batch.members()).map(({ state, reason }) => [state, reason])).toEqual([
    ['validated', undefined],
    ['validated', undefined],
    ['validated', undefined],
    ['refused', 'unknown_promo_code'],
    ['refused', 'not_eligible'],
  ]);
});

test('an unknown code holds the campaign where the tenant wants that', async () => {
  const batch = await openBatch(ledger, [row('a', 'LOST')]);
  batch.far.rules.unknownCodes.add('LOST');
  batch.far.world.promotions.unknownCodes = 'hold';
  expect(await batch.walk('screen', 'validate')).toEqual({ stopped: 'held' });
  expect(await batch.states()).toEqual(['screened']);
});

test('of a lost validation only those are asked again whom Customer Assignment does not know', async () => {
  const batch = await openBatch(ledger, rowsOf(4));
  batch.far.rules.ineligible.add('c4');
  batch.far.rules.answersOfAwards = new Set(['c1', 'c2']);
  await batch.walk('screen');
  batch.far.mishap('validate', { acts: true, fault: lostAnswer() });
  await batch.walk('validate');
  expect(batch.far.of('validate').map(({ body }) => body)).toMatchObject([
    { customerIds: ['c1', 'c2', 'c3', 'c4'] },
    { customerIds: ['c3', 'c4'] },
  ]);
  const members = await batch.members();
  expect(members.map(({ state }) => state)).toEqual([
    'validated',
    'validated',
    'validated',
    'refused',
  ]);
  expect(members[0]?.rewards).toEqual([
    { rewardTypeId: 'spins', value: 10, code: 'U-c1 id of SPINS' },
  ]);
});

test('a lost validation is not asked about before the far side can no longer be at it', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  await batch.walk('screen');
  batch.far.mishap('validate', { acts: true, fault: lostAnswer() });
  await expect(batch.attempt('validate')).rejects.toThrow('the answer was lost');
  const alive = await ledger.pool.query<{ alive: boolean }>(
    "select alive_until >= begun + interval '300 ms' as alive from effect where campaign = $1",
    [batch.ref],
  );
  expect(alive.rows).toEqual([{ alive: true }]);
});

test('where awards do not show validations, only the members of the lost call lapse', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  batch.far.world.promotions.recovery = 'lapse';
  batch.far.world.promotions.maxCustomersPerCall = 2;
  await batch.walk('screen');
  batch.far.mishap('validate', { acts: true, fault: lostAnswer() });
  await batch.walk('validate');
  expect((await batch.members()).map(({ state, reason }) => [state, reason])).toEqual([
    ['lapsed', 'validation_answer_lost'],
    ['lapsed', 'validation_answer_lost'],
    ['validated', undefined],
  ]);
  expect([...batch.far.validated.values()]).toEqual([1, 1, 1]);
});

test('a lost allocation is looked up first, and what the platform has is not ordered again', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  batch.far.rules.declined.add('c2');
  await batch.walk('screen', 'validate');
  batch.far.mishap('allocate', { acts: true, fault: lostAnswer() });
  await batch.walk('allocate');
  expect(batch.far.reads.lookUps).toBe(1);
  expect(batch.far.of('allocate')).toHaveLength(1);
  expect(await batch.states()).toEqual(['allocated', 'declined', 'allocated']);
});

test('without Promotions the platform gives what was screened', async () => {
  const batch = await openBatch(ledger, rowsOf(2), {
    plan: { recipe: ['screen', 'allocate', 'report'] },
  });
  await batch.walk('screen', 'allocate', 'report');
  expect(await batch.states()).toEqual(['allocated', 'allocated']);
  expect([...batch.far.cleared]).toEqual([
    ['c1', true],
    ['c2', true],
  ]);
});

test('a member that changed while its body was built is left out of the call', async () => {
  const batch = await openBatch(ledger, rowsOf(3));
  await batch.walk('screen', 'validate');
  batch.far.world.platform.maxItemsPerCall = 1;
  const suppress = () =>
    transaction(ledger.pool, (connection) =>
      appendChange(
        connection,
        { campaign: batch.ref, batch: 1, position: 3 },
        { fact: 'state', cause: 'revoked', reason: 'suppressed' },
      ),
    );
  batch.far.mishap('allocate', { acts: true, meanwhile: suppress });
  await batch.walk('allocate');
  expect(await batch.states()).toEqual(['allocated', 'allocated', 'revoked']);
  expect(batch.far.of('allocate')).toHaveLength(2);
});

test('rewards end when the first batch was told so, whatever the deadline says later', async () => {
  const batch = await openBatch(ledger, rowsOf(2));
  await batch.walk('screen', 'validate');
  batch.far.world.platform.maxItemsPerCall = 1;
  await batch.walk('allocate');
  const ends = batch.far.sent.flatMap((one) =>
    one.kind === 'allocate' ? one.body.allocations.map(({ expiresAt }) => expiresAt) : [],
  );
  expect(new Set(ends).size).toBe(1);
});

test('an upload has one row a customer, all its codes, and one last call', async () => {
  const batch = await openBatch(ledger, [row('a', 'X', 'Y'), row('b', 'X')]);
  await batch.walk('screen', 'validate', 'allocate');
  batch.far.world.dataConnection.maxRowsPerCall = 1;
  await batch.walk('upload');
  const bodies = batch.far.sent.flatMap((one) => (one.kind === 'upload' ? [one.body] : []));
  expect(bodies.map(({ last }) => last)).toEqual([false, true]);
  expect(new Set(bodies.map(({ batchUuid }) => batchUuid)).size).toBe(1);
  expect(bodies[0]?.rows[0]?.rewards.map(({ promoCode }) => promoCode)).toEqual(['X', 'Y']);
  expect(bodies[0]?.ttlSeconds).toBe(9 * 86_400);
});

test.each(['before', 'after'] as const)(
  'an upload that failed %s it arrived costs the approval only where it is required',
  async (when) => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk('screen', 'validate', 'allocate');
    batch.far.mishap('upload', { acts: when === 'after', fault: lostAnswer() });
    await expect(batch.attempt('upload')).rejects.toThrow('the answer was lost');
    batch.far.world.dataConnection.required = false;
    batch.far.mishap('upload', { acts: when === 'after', fault: lostAnswer() });
    expect(await batch.attempt('upload')).toEqual({});
    expect((await batch.effects()).at(-1)?.outcome).toBe('given_up');
    await batch.walk('report');
    expect((await batch.members()).map(({ clearance }) => clearance)).toEqual([
      'approved',
      'approved',
    ]);
  },
);

test('a customer who cannot be approved any more is not given the other codes', async () => {
  const batch = await openBatch(ledger, [row('a', 'X', 'LOST'), row('b', 'X')]);
  batch.far.rules.unknownCodes.add('LOST');
  await batch.walk('screen', 'validate', 'allocate', 'report');
  expect((await batch.members()).map(({ state, reason }) => [state, reason])).toEqual([
    ['lapsed', 'another_code_was_refused'],
    ['refused', 'unknown_promo_code'],
    ['allocated', undefined],
  ]);
  const ordered = batch.far.of('allocate').map(({ body }) => body);
  expect(ordered).toMatchObject([{ allocations: [{ customerId: 'b' }] }]);
});

test('where any code is enough, the others are given all the same', async () => {
  const batch = await openBatch(ledger, [row('a', 'X', 'LOST')], { plan: { codes: 'any' } });
  batch.far.rules.unknownCodes.add('LOST');
  await batch.walk('screen', 'validate', 'allocate');
  expect(await batch.states()).toEqual(['allocated', 'refused']);
});

test('an inactive promotion is alerted once a campaign and code', async () => {
  const batch = await openBatch(ledger, rowsOf(1));
  expect(await noteInactive(ledger.pool, batch.ref, 'X')).toBe(true);
  expect(await noteInactive(ledger.pool, batch.ref, 'X')).toBe(false);
  expect(await noteInactive(ledger.pool, batch.ref, 'Y')).toBe(true);
});
