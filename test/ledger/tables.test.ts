import { afterAll, beforeAll, expect, test } from 'vitest';
import { clearances, redemptions, states } from '../../src/domain/assignment.ts';
import {
  admission,
  admits,
  effectKinds,
  type Standing,
  standings,
} from '../../src/domain/effect.ts';
import { openLedger, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(4);
});
afterAll(() => ledger.close());

test("the ledger's table of admission is the domain's", async () => {
  const { rows } = await ledger.pool.query<{ kind: string; standing: string; until: string }>(
    'select kind, standing, until from admission',
  );
  const table: Record<string, Record<string, string>> = {};
  for (const { kind, standing, until } of rows) table[kind] = { ...table[kind], [standing]: until };
  expect(table).toEqual(admission);
});

test.each([
  ['state_name', states],
  ['clearance_name', clearances],
  ['redemption_name', redemptions],
] as const)('%s names every value as the domain does, and no more', async (name, list) => {
  const { rows } = await ledger.pool.query<{ name: string | null }>(
    `select ${name}(value::smallint) as name from generate_series(0, $1) value`,
    [list.length],
  );
  expect(rows.map((row) => row.name)).toEqual([...list, null]);
});

/** Every way a campaign can stand: one fence at most, with hold and halt of either kind. */
function waysToStand(): { fence: 'operator' | 'deleted' | null; held: boolean; halted: boolean }[] {
  return ([null, 'operator', 'deleted'] as const).flatMap((fence) =>
    [false, true].flatMap((held) => [false, true].map((halted) => ({ fence, held, halted }))),
  );
}

test.each(waysToStand())(
  'begin asks the same as admits of a campaign with fence $fence, held $held, halted $halted',
  async ({ fence, held, halted }) => {
    const { pool } = ledger;
    const tenant = `fence ${fence} ${held} ${halted}`;
    const reason = { reason: 'a person looks' };
    const stop = Date.UTC(2030, 0, 1, 12);
    const lastReport = stop + 29_000;
    for (const holder of held ? (['campaign', 'tenant'] as const) : [undefined]) {
      const made = await pool.query<{ ref: number }>(
        'insert into tenant (name, held, halted) values ($1, $2, $3) returning ref',
        [`${tenant} ${holder}`, holder === 'tenant' ? reason : null, halted ? reason : null],
      );
      const campaign = await pool.query<{ ref: number }>(
        `insert into campaign (tenant, id, fence, held, stop, last_report) values
           ($1, '1', $2, $3, to_timestamp($4::float8 / 1000), to_timestamp($5::float8 / 1000)) returning ref`,
        [made.rows[0]?.ref, fence, holder === 'campaign' ? reason : null, stop, lastReport],
      );
      const standing = standings.filter((one: Standing) => {
        if (one === 'held') return held;
        if (one === 'halted') return halted;
        return one === 'open' || one === fence;
      });
      const instants = [0, stop - 1, stop, stop + 1, lastReport - 1, lastReport, lastReport + 1];
      const asked = await pool.query<{ kind: string; at: number; admitted: boolean }>(
        `select kind, at, to_timestamp(at / 1000) < admitted_until(kind, $1) as admitted
         from unnest($2::text[]) with ordinality as k(kind, place), unnest($3::float8[]) at
         order by place, at`,
        [campaign.rows[0]?.ref, effectKinds, instants],
      );
      expect(asked.rows).toEqual(
        effectKinds.flatMap((kind) =>
          instants.map((at) => ({
            kind,
            at,
            admitted: admits(kind, standing, at, { stop, lastReport }),
          })),
        ),
      );
    }
  },
);

test('a pool of checks has its own due in the place of a stop', async () => {
  const { pool } = ledger;
  await pool.query("insert into tenant (name) values ('pools')");
  const { rows } = await pool.query<{ ref: number }>(
    "insert into campaign (tenant, id, kind) select ref, '1', 'triggered' from tenant where name = 'pools' returning ref",
  );
  const due = Date.UTC(2030, 0, 1, 12);
  const asked = await pool.query<{ kind: string; at: number; admitted: boolean }>(
    `select kind, at, to_timestamp(at / 1000)
       < admitted_until(kind, $1, to_timestamp($4::float8 / 1000)) as admitted
     from unnest($2::text[]) with ordinality as k(kind, place), unnest($3::float8[]) at
     order by place, at`,
    [rows[0]?.ref, effectKinds, [due - 1, due], due],
  );
  // Nothing is reported of a pool: its answers are the gate's.
  const instants = { stop: due, lastReport: -Infinity };
  expect(asked.rows).toEqual(
    effectKinds.flatMap((kind) =>
      [due - 1, due].map((at) => ({ kind, at, admitted: admits(kind, ['open'], at, instants) })),
    ),
  );
});

test('a campaign without a usable deadline admits only what has no deadline', async () => {
  const { pool } = ledger;
  await pool.query("insert into tenant (name) values ('no deadline')");
  const { rows } = await pool.query<{ ref: number }>(
    "insert into campaign (tenant, id) select ref, '1' from tenant where name = 'no deadline' returning ref",
  );
  const admitted = await pool.query<{ kind: string }>(
    'select kind from unnest($1::text[]) kind where clock_timestamp() < admitted_until(kind, $2)',
    [effectKinds, rows[0]?.ref],
  );
  expect(admitted.rows.map((row) => row.kind)).toEqual([
    'redeem',
    'redeem_used',
    'revoke',
    'confirm',
    'restore',
  ]);
});
