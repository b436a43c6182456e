import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../src/ledger/pool.ts';
import { rehearse } from '../../src/ledger/rehearsal.ts';
import { createDatabase, type TestDatabase } from '../database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

test('a rehearsal teaches every connection the statements of a check, and leaves nothing', async () => {
  const pool = createPool(database.url, 3, 3);
  try {
    await rehearse(pool, 3);
    const known = await Promise.all(
      Array.from({ length: 3 }, () =>
        pool.query<{ name: string }>('select name, pg_sleep(0.01) from pg_prepared_statements'),
      ),
    );
    const statements = ['take_in', 'open_pool', 'begin_effect', 'settle_effect', 'answer_triggers'];
    for (const { rows } of known) {
      expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(statements));
    }
    const left = await pool.query(
      `select (select count(*) from tenant) + (select count(*) from campaign) + (select count(*) from batch)
         + (select count(*) from answer) + (select count(*) from effect) as rows`,
    );
    expect(left.rows).toEqual([{ rows: '0' }]);
  } finally {
    await pool.end();
  }
});

test('a rehearsal that fails gives its connections back', async () => {
  const pool = createPool(database.url, 2);
  try {
    await pool.query('alter table tenant rename to away');
    await expect(rehearse(pool, 2)).rejects.toThrow('tenant');
    await pool.query('alter table away rename to tenant');
    await rehearse(pool, 2);
    expect(pool.idleCount).toBe(2);
  } finally {
    await pool.end();
  }
});
