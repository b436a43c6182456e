import type pg from 'pg';

/** Puts a clock that stands still until it is set in the place of the database's, in this database. */
export async function createClock(
  pool: pg.Pool,
  nowMs: number,
): Promise<(ms: number) => Promise<void>> {
  const set = async (ms: number) => {
    await pool.query('update test_clock set now = to_timestamp($1::float8 / 1000)', [ms]);
  };
  await pool.query('create table test_clock (now timestamptz)');
  await pool.query('insert into test_clock values (null)');
  await pool.query(`create or replace function limiter_now() returns timestamptz
    language sql volatile as 'select now from test_clock'`);
  await set(nowMs);
  return set;
}
