import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import { learnedSize } from '../../src/ledger/tenants.ts';
import { openLedger, rowsOf, type TestLedger } from '../ledger/ledger.ts';
import { openBatch } from './batch.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

const before = { validate: ['screen'], allocate: ['screen', 'validate'] } as const;
const sides = { validate: 'promotions', allocate: 'platform' } as const;
const passed = { validate: 'validated', allocate: 'allocated' } as const;
const ended = { validate: 'refused', allocate: 'declined' } as const;

test.each(['validate', 'allocate'] as const)('a 413 to %s teaches the size, once', async (kind) => {
  const batch = await openBatch(ledger, rowsOf(10));
  await batch.walk(...before[kind]);
  batch.far.rules.maxPerCall = 3;
  await batch.walk(kind);
  expect(await batch.states()).toEqual(Array.from({ length: 10 }, () => passed[kind]));
  expect([...batch.far.validated.values()].every((times) => times === 1)).toBe(true);
  expect(await learnedSize(ledger.pool, batch.id.tenant, sides[kind])).toBe(2);
  // Ten, then five, then two halves in twos and ones.
  expect(batch.far.of(kind)).toHaveLength(8);
});

test('what was learned from a 413 is known to the next batch', async () => {
  const batch = await openBatch(ledger, rowsOf(4));
  await batch.walk('screen');
  await ledger.pool.query('update tenant set sizes = $2 where name = $1', [
    batch.id.tenant,
    { promotions: 2, platform: 1 },
  ]);
  await batch.walk('validate', 'allocate');
  expect(batch.far.of('validate')).toHaveLength(2);
  expect(batch.far.of('allocate')).toHaveLength(4);
});

test.each(['validate', 'allocate'] as const)(
  'a 400 to %s is halved down to the one it is about, who ends with the reason',
  async (kind) => {
    const batch = await openBatch(ledger, rowsOf(1_000));
    await batch.walk(...before[kind]);
    batch.far.rules.poison.add('c700');
    await batch.walk(kind);
    const members = await batch.members();
    const refused = members.filter(({ state }) => state !== passed[kind]);
    expect(refused).toMatchObject([{ customerId: 'c700', state: ended[kind] }]);
    expect(refused[0]?.reason).toMatch(/_refused: answered 400$/);
    expect(batch.far.of(kind).length).toBeLessThanOrEqual(1 + 32);
  },
);

test('many refused members cost at most 32 extra calls, and nobody is left undecided', async () => {
  const batch = await openBatch(ledger, rowsOf(1_000));
  await batch.walk('screen');
  for (let index = 1; index <= 1_000; index += 50) batch.far.rules.poison.add(`c${index}`);
  await batch.walk('validate');
  expect(batch.far.of('validate').length).toBeLessThanOrEqual(1 + 32);
  const states = new Set(await batch.states());
  expect([...states].sort()).toEqual(['refused', 'validated']);
  expect([...batch.far.validated.values()].every((times) => times === 1)).toBe(true);
});

test('a process that dies while it halves leaves nobody behind', async () => {
  const batch = await openBatch(ledger, rowsOf(8));
  await batch.walk('screen');
  const bad = new Fault('refused', 'answered 400', { status: 400 });
  batch.far.mishap('validate', { acts: false, fault: bad });
  expect(await batch.die('validate', 'validate')).toBe('died');
  await batch.walk('validate');
  expect(await batch.states()).toEqual(Array.from({ length: 8 }, () => 'validated'));
  expect([...batch.far.validated.values()]).toEqual(Array.from({ length: 8 }, () => 1));
});

test('a refusal that is about the call as a whole is not halved', async () => {
  const batch = await openBatch(ledger, rowsOf(8));
  await batch.walk('screen');
  const gone = new Fault('refused', 'answered 404', { status: 404 });
  batch.far.mishap('validate', { acts: false, fault: gone });
  await batch.walk('validate');
  expect(batch.far.of('validate')).toHaveLength(1);
  expect(await batch.states()).toEqual(Array.from({ length: 8 }, () => 'refused'));
});
