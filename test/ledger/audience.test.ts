import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchCustomers } from '../../src/domain/batching.ts';
import { cutAudience } from '../../src/ledger/audience.ts';
import { readBatch } from '../../src/ledger/columns.ts';
import { countStaged, stagedSweep } from '../../src/ledger/pages.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { openedCampaign, openLedger, row, rowsOf, stage, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(6);
});
afterAll(() => ledger.close());

/** What stands in a batch, as "customer code" in its order. */
async function membersOf(ref: number, batch = 1): Promise<string[]> {
  const read = await readBatch(ledger.pool, ref, batch);
  return (read?.members ?? []).map(({ customerId, promoCode }) => `${customerId} ${promoCode}`);
}

/** How many members of the batches have a key that leads to them. */
async function keysOf(ref: number): Promise<number> {
  const kept = await ledger.pool.query<{ key: string }>(
    `select concat_ws(' ', replace(a.customer::text, '-', ''), a.batch, a.position, c.codes[a.code]) as key
     from assignment a join campaign c on c.ref = a.campaign where a.campaign = $1`,
    [ref],
  );
  const keys = new Set(kept.rows.map((one) => one.key));
  const batches = await Promise.all([1, 2].map((batch) => readBatch(ledger.pool, ref, batch)));
  const found = batches.flatMap((batch) =>
    (batch?.members ?? []).filter(({ customerId, position, promoCode }) => {
      const hash = createHash('md5').update(customerId).digest('hex');
      return keys.has(`${hash} ${batch?.number} ${position} ${promoCode}`);
    }),
  );
  expect(found.length).toBe(keys.size);
  return keys.size;
}

test('a customer who came twice, on one page or on two, counts once', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, [row('b', 'X'), row('a', 'X'), row('b', 'X')]);
  await stage(pool, ref, [row('a', 'X'), row('c', 'X')], { number: 1 });
  expect(await countStaged(pool, ref)).toBe(3);
  expect(await cutAudience(pool, ref)).toEqual({ customers: 3, batches: 1 });
  expect(await membersOf(ref)).toEqual(['b X', 'a X', 'c X']);
  expect(await keysOf(ref)).toBe(3);
});

test('the codes of one customer stand side by side, whichever pages they came on', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, [row('a', 'X'), row('b', 'X', 'Y'), row('c', 'Z')]);
  await stage(pool, ref, [row('d', 'X'), row('a', 'Y'), row('c', 'X')], { number: 1 });
  expect(await cutAudience(pool, ref)).toEqual({ customers: 4, batches: 1 });
  expect(await membersOf(ref)).toEqual(['a X', 'a Y', 'b X', 'b Y', 'c Z', 'c X', 'd X']);
  expect(await keysOf(ref)).toBe(7);
});

test('a row without a code gives way to the codes of its customer, and alone it stays', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, [row('a'), row('b'), row('a', 'X'), row('c', 'X'), row('c')]);
  expect(await cutAudience(pool, ref)).toEqual({ customers: 3, batches: 1 });
  expect(await membersOf(ref)).toEqual(['a X', 'b ', 'c X']);
});

/** A customer and a code a row, and no more: what several pages of them come to. */
function membersByHand(pages: [string, string][][]): string[] {
  const customers = Map.groupBy(pages.flat(), ([customer]) => customer);
  return [...customers].flatMap(([customer, rows]) => {
    const codes = new Set(rows.map(([, code]) => code));
    if (codes.size > 1) codes.delete('');
    return [...codes].map((code) => `${customer} ${code}`);
  });
}

test('whatever pages an audience comes on, it is cut as one would by hand', async () => {
  const { pool } = ledger;
  const rows = fc.array(
    fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('', 'X', 'Y')),
    { maxLength: 6 },
  );
  // Half of the audiences have nobody on two pages, as nearly all have in life.
  const pages = fc.tuple(fc.array(rows, { maxLength: 3 }), fc.boolean(), fc.boolean());
  await fc.assert(
    fc.asyncProperty(pages, async ([drawn, isPlain, isCounted]) => {
      const came = drawn.map((page, number) =>
        page.map(([id, code]): [string, string] => [isPlain ? `${id}${number}` : id, code]),
      );
      const { ref } = await openedCampaign(pool);
      for (const [number, page] of came.entries()) {
        const staged = page.map(([id, code]) => (code === '' ? row(id) : row(id, code)));
        await stage(pool, ref, staged, { number });
      }
      const expected = membersByHand(came);
      const people = new Set(expected.map((member) => member.split(' ')[0])).size;
      const counted = isCounted ? await countStaged(pool, ref) : undefined;
      expect((await cutAudience(pool, ref, { counted })).customers).toBe(people);
      expect(await membersOf(ref)).toEqual(expected);
      expect(await keysOf(ref)).toBe(expected.length);
    }),
    { numRuns: 60 },
  );
});

test('ids keep their spelling, and the action its number', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  const odd = ['007', '7', ' 7', 'ü"{,}\\', 'NULL'];
  await stage(pool, ref, [
    ...odd.map((id) => row(id, 'A,"B{}')),
    { ...row('z', 'X'), actionId: undefined },
  ]);
  await cutAudience(pool, ref);
  const read = await readBatch(pool, ref, 1);
  expect(read?.members.map((member) => member.customerId)).toEqual([...odd, 'z']);
  expect(read?.members[0]).toMatchObject({ promoCode: 'A,"B{}', actionId: '2', state: 'targeted' });
  expect(read?.members.at(-1)?.actionId).toBeUndefined();
});

test('control group and malformed rows are counted once, however often the audience is swept', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  for (const sweep of [1, 2]) {
    await stage(pool, ref, [row('a', 'X')], { sweep, number: 0, controls: 2, malformed: 1 });
    await stage(pool, ref, [row('b', 'X')], { sweep, number: 1, controls: 3 });
  }
  await cutAudience(pool, ref);
  const counted = await pool.query('select controls, malformed from campaign where ref = $1', [
    ref,
  ]);
  expect(counted.rows).toEqual([{ controls: 5, malformed: 1 }]);
});

test('a sweep that repeats the one before adds nothing, and says so; one that shifted does', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, [row('a', 'X'), row('b', 'X')]);
  await stage(pool, ref, [row('c', 'X')], { number: 1 });
  expect(await stagedSweep(pool, ref)).toMatchObject({
    sweep: 1,
    pages: 2,
    rows: 3,
    allRepeated: false,
  });
  await stage(pool, ref, [row('b', 'X'), row('c', 'X')], { sweep: 2 });
  await stage(pool, ref, [row('c', 'X')], { sweep: 2, number: 1 });
  expect(await stagedSweep(pool, ref)).toMatchObject({ sweep: 2, allRepeated: false });
  await stage(pool, ref, [row('b', 'X'), row('c', 'X')], { sweep: 3 });
  await stage(pool, ref, [row('c', 'X')], { sweep: 3, number: 1 });
  expect(await stagedSweep(pool, ref)).toMatchObject({
    sweep: 3,
    lastLength: 1,
    allRepeated: true,
  });
  await cutAudience(pool, ref);
  expect(await membersOf(ref)).toEqual(['a X', 'b X', 'c X']);
});

test('a page staged twice stands as it was read first', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, [row('a', 'X')]);
  await stage(pool, ref, [row('a', 'X')]);
  await stage(pool, ref, [row('z', 'Y')]);
  expect(await stagedSweep(pool, ref)).toMatchObject({ pages: 1, rows: 1 });
  await cutAudience(pool, ref);
  expect(await membersOf(ref)).toEqual(['a X']);
});

test('batches end at a border of ten thousand customers, with all their codes', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  const rows = rowsOf(batchCustomers + 1);
  await stage(pool, ref, [row('c10000', 'FIRST'), ...rows.slice(0, -2)]);
  await stage(pool, ref, [row('c10001', 'SPINS', 'LAST'), row('c9999', 'LAST')], { number: 1 });
  expect(await cutAudience(pool, ref)).toEqual({ customers: batchCustomers + 1, batches: 2 });
  const batches = await pool.query(
    'select number, people, size, cardinality(string_to_array(customers, chr(31))) as members from batch where campaign = $1 order by 1',
    [ref],
  );
  expect(batches.rows).toEqual([
    { number: 1, people: batchCustomers, size: batchCustomers + 1, members: batchCustomers + 1 },
    { number: 2, people: 1, size: 2, members: 2 },
  ]);
  expect((await membersOf(ref)).slice(0, 2)).toEqual(['c10000 FIRST', 'c1 SPINS']);
  expect(await membersOf(ref, 2)).toEqual(['c10001 SPINS', 'c10001 LAST']);
  expect(await keysOf(ref)).toBe(batchCustomers + 3);
});

test('cutting again adds only customers who are new, in batches of their own', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, rowsOf(3));
  await cutAudience(pool, ref);
  expect(await cutAudience(pool, ref)).toEqual({ customers: 3, batches: 1 });
  await stage(pool, ref, [row('c2', 'SPINS'), row('new', 'SPINS')], { sweep: 2 });
  expect(await cutAudience(pool, ref)).toEqual({ customers: 4, batches: 2 });
  expect(await membersOf(ref, 1)).toEqual(['c1 SPINS', 'c2 SPINS', 'c3 SPINS']);
  expect(await membersOf(ref, 2)).toEqual(['new SPINS']);
});

test('a cut whose connection dies leaves nothing half, and what was staged for the next', async () => {
  const { pool } = ledger;
  const { ref } = await openedCampaign(pool);
  await stage(pool, ref, rowsOf(50));
  const cutter = ledger.connect(1);
  // The cut waits for this lock when its batches and keys are written and its pages are to be emptied.
  const killed = await transaction(pool, async (connection) => {
    await connection.query('select from page where campaign = $1 for update', [ref]);
    const cutting = cutAudience(cutter, ref).then(
      () => 'cut',
      () => 'died',
    );
    await killWhenWaiting('update page set customers%');
    return cutting;
  });
  expect(killed).toBe('died');
  const left = await pool.query<{ kept: number }>(
    `select (select count(*) from batch where campaign = $1)::int
       + (select count(*) from assignment where campaign = $1)::int as kept`,
    [ref],
  );
  expect(left.rows).toEqual([{ kept: 0 }]);
  expect(await cutAudience(pool, ref)).toEqual({ customers: 50, batches: 1 });
});

/** Ends the connection that waits for a lock with this statement, as soon as it does. */
async function killWhenWaiting(statement: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const killed = await ledger.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where wait_event_type = 'Lock' and query like $1 and datname = current_database()`,
      [statement],
    );
    if (killed.rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nobody came to wait with this statement');
}
