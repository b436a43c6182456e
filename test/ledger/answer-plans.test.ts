import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerStatement } from '../../src/ledger/answers.ts';
import { answersStatement, tellStatement } from '../../src/ledger/told.ts';
import { openTriggered } from '../../src/ledger/triggered.ts';
import { openLedger, plan, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
let campaign: number;
beforeAll(async () => {
  ledger = await openLedger(2);
  const id = { tenant: `t-${randomUUID()}`, campaignId: '88' };
  const { row } = await openTriggered(ledger.pool, id, plan, ['SPINS']);
  campaign = row.ref;
  await ledger.pool.query(
    `insert into answer (campaign, customer, instance, due, answer)
     select $1, md5('c' || n)::uuid, 0, clock_timestamp() + interval '1 day', n % 2 = 0
     from generate_series(1, 5000) n`,
    [campaign],
  );
  await ledger.pool.query('analyze answer');
});
afterAll(() => ledger.close());

const count = 200;
const fill = <T>(value: T): T[] => Array.from({ length: count }, () => value);

test.each([
  ['what answers triggers', answerStatement, [fill(true), fill('given'), fill(false)]],
  ['what reads answers', answersStatement, []],
  ['what marks them as told', tellStatement, []],
])(
  '%s finds each row by all of its key, also in a campaign of thousands',
  async (_name, statement, more) => {
    const customers = Array.from({ length: count }, (_, index) => `c${index + 1}`);
    const values = [fill(campaign), customers, fill(0), ...more];
    for (const scan of [
      ...(await scansOf(`explain ${statement}`, values)),
      ...(await scansOf(`explain (generic_plan) ${statement}`)),
    ]) {
      expect(scan).toMatch(/Index Scan using answer_pkey/);
      for (const column of ['campaign', 'customer', 'instance']) expect(scan).toContain(column);
    }
  },
);

/** The lines of a plan that read `answer`, each with its condition; none of them is an error. */
async function scansOf(explain: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await ledger.pool.query<{ 'QUERY PLAN': string }>(explain, values);
  const lines = rows.map((row) => row['QUERY PLAN']);
  const scans = lines.flatMap((line, index) =>
    /Scan.* on answer\b/.test(line) ? [`${line} ${lines[index + 1]}`] : [],
  );
  expect(scans).not.toEqual([]);
  return scans;
}
