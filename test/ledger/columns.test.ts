import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Causes,
  type Fact,
  type Facts,
  transition,
  transitions,
} from '../../src/domain/assignment.ts';
import type { Reward } from '../../src/domain/words.ts';
import { record } from '../../src/ledger/batches.ts';
import {
  appendChange,
  type BatchRow,
  claimBatch,
  readBatch,
  writeBatch,
} from '../../src/ledger/columns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import type { Happening } from '../../src/ledger/packing.ts';
import { transaction } from '../../src/ledger/pool.ts';
import { openLedger, row, runningCampaign, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(4);
});
afterAll(() => ledger.close());

const size = 6;

/** The naive model: one plain row a member. */
interface Row extends Facts {
  reason: string | null;
  rewards: Reward[];
}

type Step =
  | { act: 'write'; happenings: Happening[] }
  | { act: 'append'; position: number; change: Change }
  | { act: 'read'; reader: number }
  /** A reader writes on what it read, or wrote last, however long ago that was. */
  | { act: 'record'; reader: number; happenings: Happening[] };

type Change = { [F in Fact]: { fact: F; cause: Causes[F]; reason?: string } }[Fact];

function causesOf<T extends string>(moves: Record<T, unknown>): T[] {
  const list: T[] = [];
  for (const cause in moves) list.push(cause);
  return list;
}

const state = fc.constantFrom(...causesOf(transitions.state));
const clearance = fc.constantFrom(...causesOf(transitions.clearance));
const redemption = fc.constantFrom(...causesOf(transitions.redemption));
const position = fc.integer({ min: 1, max: size });
/** What a far side may say; an empty text says nothing. */
const text = fc.constantFrom('a', 'NULL', '{"x",\\}', "it's", 'two\nlines', 'ü');
const code = fc.constantFrom('A-1', 'NULL', '{"x",\\}', "it's", 'ü');
const maybe = { requiredKeys: [] };
const reward: fc.Arbitrary<Reward> = fc.record(
  { rewardTypeId: fc.constantFrom('spins', 'cash'), value: fc.constantFrom(1, 2.5), code },
  { requiredKeys: ['rewardTypeId', 'value'] },
);
const happening: fc.Arbitrary<Happening> = fc
  .tuple(
    position,
    fc.record({ state, clearance, redemption, reason: text }, maybe),
    fc.option(fc.array(reward, { maxLength: 2 }), { nil: undefined }),
  )
  .map(([at, facts, rewards]) => ({ position: at, ...facts, ...(rewards && { rewards }) }));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record(
    { fact: fc.constant('state' as const), cause: state, reason: text },
    { requiredKeys: ['fact', 'cause'] },
  ),
  fc.record({ fact: fc.constant('clearance' as const), cause: clearance }),
  fc.record({ fact: fc.constant('redemption' as const), cause: redemption }),
);
const reader = fc.constantFrom(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    act: fc.constant('write' as const),
    happenings: fc.array(happening, { maxLength: 8 }),
  }),
  fc.record({ act: fc.constant('append' as const), position, change }),
  fc.record({ act: fc.constant('read' as const), reader }),
  fc.record({
    act: fc.constant('record' as const),
    reader,
    happenings: fc.array(happening, { maxLength: 8 }),
  }),
);

function move<F extends Fact>(
  row: Facts,
  fact: F,
  cause: Causes[F] | undefined,
): boolean | undefined {
  if (cause === undefined) return undefined;
  const to = transition(fact, row[fact], cause);
  if (to === undefined) return false;
  Object.assign(row, { [fact]: to });
  return true;
}

/** A forbidden state takes everything that came with it along; else each fact moves for itself. */
function happen(row: Row, one: Happening): boolean {
  const moved = [move(row, 'state', one.state)];
  if (moved[0] === false) return false;
  moved.push(move(row, 'clearance', one.clearance), move(row, 'redemption', one.redemption));
  if (!moved.includes(true)) return false;
  row.reason = one.reason ?? row.reason;
  row.rewards = one.rewards ?? row.rewards;
  return true;
}

async function act(
  pool: pg.Pool,
  ref: number,
  model: Row[],
  one: Step,
  readers: Map<number, BatchRow>,
): Promise<void> {
  const at = (place: number): Row => {
    const found = model[place - 1];
    if (!found) throw new Error('the model has every member');
    return found;
  };
  if (one.act === 'write') {
    const wrote = await transaction(pool, (connection) =>
      writeBatch(connection, ref, 1, one.happenings),
    );
    expect(wrote).toBe(one.happenings.filter((each) => happen(at(each.position), each)).length);
  } else if (one.act === 'record') {
    const batch = readers.get(one.reader) ?? { campaign: ref, number: 1 };
    const wrote = await record(pool, batch, one.happenings);
    expect(wrote).toBe(one.happenings.filter((each) => happen(at(each.position), each)).length);
  } else if (one.act === 'read') {
    const read = await readBatch(pool, ref, 1);
    if (read) readers.set(one.reader, read);
  } else if (one.act === 'append') {
    const { change: asked } = one;
    const appended = await transaction(pool, (connection) =>
      appendChange(connection, { campaign: ref, batch: 1, position: one.position }, asked),
    );
    const row = at(one.position);
    const moved = move(row, asked.fact, asked.cause);
    if (moved) row.reason = asked.reason ?? row.reason;
    expect(appended).toBe(moved);
  }
}

/** Rewards of equal shape share one place; the unique codes stand in a column of their own. */
function codesOf(rewards: Reward[]): string | null {
  const codes = rewards.flatMap(({ code }) => code ?? []);
  return codes.length > 0 ? codes.join('\n') : null;
}

async function compare(pool: pg.Pool, ref: number, model: Row[]): Promise<void> {
  const batch = await readBatch(pool, ref, 1);
  expect(
    batch?.members.map((member) => ({
      state: member.state,
      clearance: member.clearance,
      redemption: member.redemption,
      reason: member.reason ?? null,
      rewards: member.rewards,
    })),
  ).toEqual(model);
  const viewed = await pool.query(
    `select state, clearance, redemption, reason, unique_code from member
     where campaign = $1 order by position`,
    [ref],
  );
  expect(viewed.rows).toEqual(
    model.map(({ rewards, ...rest }) => ({ ...rest, unique_code: codesOf(rewards) })),
  );
}

test('bulk writes and single changes in any order leave what plain rows would hold', async () => {
  const { pool } = ledger;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
      const customers = Array.from({ length: size }, (_, index) => row(`c${index}`, 'X'));
      const { ref } = await runningCampaign(pool, customers);
      const model = customers.map(
        (): Row => ({
          ...{ state: 'targeted', clearance: 'none', redemption: 'none' },
          ...{ reason: null, rewards: [] },
        }),
      );
      const readers = new Map<number, BatchRow>();
      for (const one of steps) {
        await act(pool, ref, model, one, readers);
        await compare(pool, ref, model);
      }
    }),
    { numRuns: 100 },
  );
});

test('what happened to one member since the batch was read is heeded by who writes it then', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X')]);
  const batch = await readBatch(pool, ref, 1);
  const place = { campaign: ref, batch: 1, position: 1 };
  await transaction(pool, (connection) =>
    appendChange(connection, place, { fact: 'state', cause: 'lapsed', reason: 'suppressed' }),
  );
  const passed = { position: 1, state: 'passed' as const, reason: 'nothing stands against it' };
  expect(await record(pool, batch ?? { campaign: ref, number: 1 }, [passed])).toBe(0);
  const [member] = (await readBatch(pool, ref, 1))?.members ?? [];
  expect(member).toMatchObject({ state: 'lapsed', reason: 'suppressed' });
});

test('of writers who read the same batch at once, none undoes what another wrote', async () => {
  const { pool } = ledger;
  const customers = Array.from({ length: size }, (_, index) => row(`c${index}`, 'X'));
  for (let round = 0; round < 10; round += 1) {
    const { ref } = await runningCampaign(pool, customers);
    const reads = await Promise.all(customers.map(() => readBatch(pool, ref, 1)));
    const wrote = await Promise.all(
      reads.map((batch, index) => {
        const at = index + 1;
        const place = { campaign: ref, batch: 1, position: at };
        const passed = { position: at, state: 'passed' as const, reason: `by ${index}` };
        // One in three is an appended change, which raises the version too.
        return index % 3 === 0
          ? transaction(pool, (connection) =>
              appendChange(connection, place, {
                fact: 'state',
                cause: 'passed',
                reason: `by ${index}`,
              }),
            )
          : record(pool, batch ?? { campaign: ref, number: 1 }, [passed]);
      }),
    );
    expect(wrote).toEqual([true, 1, 1, true, 1, 1]);
    const members = (await readBatch(pool, ref, 1))?.members ?? [];
    expect(members.map(({ state, reason }) => `${state} ${reason}`)).toEqual(
      customers.map((_, index) => `screened by ${index}`),
    );
  }
});

test('a change that the transitions forbid is not appended, nor is one of an unknown batch', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X')]);
  const change = { fact: 'state', cause: 'used' } as const;
  for (const batch of [1, 2]) {
    const place = { campaign: ref, batch, position: 1 };
    const appended = await transaction(pool, (connection) =>
      appendChange(connection, place, change),
    );
    expect(appended).toBe(false);
  }
});

test('of several changes of one member the last counts, with the last reason that was said', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X')]);
  const causes = [
    { fact: 'state', cause: 'passed', reason: 'first' },
    { fact: 'state', cause: 'refused', reason: 'second' },
    { fact: 'clearance', cause: 'told_true' },
    { fact: 'clearance', cause: 'told_false' },
  ] as const;
  for (const one of causes) {
    const place = { campaign: ref, batch: 1, position: 1 };
    await transaction(pool, (connection) => appendChange(connection, place, one));
  }
  const last = { state: 'refused', clearance: 'denied', reason: 'second' };
  expect((await readBatch(pool, ref, 1))?.members).toMatchObject([last]);
  const viewed = await pool.query(
    'select state, clearance, reason from member where campaign = $1',
    [ref],
  );
  expect(viewed.rows).toEqual([last]);
});

test('a reader learns the number of the last change it has seen, folded or not', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X')]);
  expect((await readBatch(pool, ref, 1))?.change).toBe(0);
  const place = { campaign: ref, batch: 1, position: 1 };
  await transaction(pool, (connection) =>
    appendChange(connection, place, { fact: 'state', cause: 'passed' }),
  );
  const seen = (await readBatch(pool, ref, 1))?.change;
  expect(seen).toBeGreaterThan(0);
  await transaction(pool, (connection) =>
    writeBatch(connection, ref, 1, [{ position: 1, state: 'rewarded' }]),
  );
  expect((await readBatch(pool, ref, 1))?.change).toBe(seen);
});

test('counts lay the changes over the arrays, and count a customer of several codes once', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X', 'Y'), row('b', 'X'), row('c', 'X')]);
  await transaction(pool, async (connection) => {
    const told = [1, 2, 3].map((place) => ({ position: place, clearance: 'told_true' as const }));
    await writeBatch(connection, ref, 1, told);
    await appendChange(
      connection,
      { campaign: ref, batch: 1, position: 3 },
      { fact: 'clearance', cause: 'told_false' },
    );
    await appendChange(
      connection,
      { campaign: ref, batch: 1, position: 4 },
      { fact: 'state', cause: 'screened_out' },
    );
  });
  expect(await countCampaign(pool, ref)).toEqual({
    audience: 3,
    states: { targeted: 3, screened_out: 1 },
    approvedCustomers: 1,
    deniedCustomers: 1,
    delegatedCustomers: 0,
    unknownCustomers: 0,
    redemptions: { none: 4 },
  });
});

test('a batch is claimed as it stands, also where the process knows who is in it', async () => {
  const { pool } = ledger;
  const { ref } = await runningCampaign(pool, [row('a', 'X'), row('b', 'X', 'Y')]);
  const first = await claimBatch(pool, ref, 1);
  const happening = { position: 2, state: 'screened_out', reason: 'suppressed' } as const;
  await record(pool, { campaign: ref, number: 1 }, [happening]);
  const again = await claimBatch(pool, ref, 1, 7);
  expect(again).toMatchObject({ token: first.token + 1, pass: 7 });
  expect(again.members).toEqual((await readBatch(pool, ref, 1))?.members);
  expect(again.members[1]).toMatchObject({ customerId: 'b', state: 'screened_out' });
});
