import type pg from 'pg';
import type { FarSide } from '../domain/words.ts';
import { lockTenant, transaction } from './pool.ts';

/** The ledger's number of a tenant; made at the first sight of its name. */
export async function tenantRef(pool: pg.Pool, name: string): Promise<number> {
  const known = await pool.query<{ ref: number }>('select ref from tenant where name = $1', [name]);
  if (known.rows[0]) return known.rows[0].ref;
  const made = await pool.query<{ ref: number }>(
    `insert into tenant (name) values ($1)
     on conflict (name) do update set name = excluded.name returning ref`,
    [name],
  );
  return onlyRow(made).ref;
}

/**
 * Halts a tenant because a far side does not know our key. True when this call halted it, false when
 * it was halted already, so that one alert is raised.
 */
export async function haltTenant(
  pool: pg.Pool,
  name: string,
  farSide: FarSide,
  message: string,
): Promise<boolean> {
  const ref = await tenantRef(pool, name);
  return transaction(pool, async (connection) => {
    await lockTenant(connection, ref);
    const halted = await connection.query(
      `update tenant set halted = jsonb_build_object('farSide', $2::text, 'message', $3::text, 'at', clock_timestamp())
       where ref = $1 and halted is null`,
      [ref, farSide, message],
    );
    return halted.rowCount === 1;
  });
}

export interface Halt {
  tenant: string;
  farSide: FarSide;
  message: string;
}

export async function haltOf(pool: pg.Pool, name: string): Promise<Halt | undefined> {
  const halted = await pool.query<Halt>(
    `select name as tenant, halted ->> 'farSide' as "farSide", halted ->> 'message' as message
     from tenant where name = $1 and halted is not null`,
    [name],
  );
  return halted.rows[0];
}

/** Ends a halt. True when this call ended it. */
export async function resumeTenant(pool: pg.Pool, name: string): Promise<boolean> {
  const ref = await tenantRef(pool, name);
  return transaction(pool, async (connection) => {
    await lockTenant(connection, ref);
    const resumed = await connection.query(
      'update tenant set halted = null where ref = $1 and halted is not null',
      [ref],
    );
    return resumed.rowCount === 1;
  });
}

/** The most a far side of this tenant takes in one call, as its 413 answers taught. */
export async function learnedSize(
  pool: pg.Pool,
  name: string,
  farSide: FarSide,
): Promise<number | undefined> {
  const found = await pool.query<{ size: number | null }>({
    name: 'learned_size',
    text: 'select (sizes ->> $2)::int as size from tenant where name = $1',
    values: [name, farSide],
  });
  return found.rows[0]?.size ?? undefined;
}

/** Remembers that a far side refused more than `size` items. */
export async function learnSize(
  pool: pg.Pool,
  name: string,
  farSide: FarSide,
  size: number,
): Promise<void> {
  await pool.query(
    `update tenant set sizes = sizes || jsonb_build_object($2::text, least((sizes ->> $2)::int, $3::int))
     where name = $1`,
    [name, farSide, size],
  );
}

/** The one row of a statement that always returns one. */
export function onlyRow<T extends pg.QueryResultRow>(result: pg.QueryResult<T>): T {
  const row = result.rows[0];
  if (!row) throw new Error(`Expected a row from ${result.command}`);
  return row;
}
