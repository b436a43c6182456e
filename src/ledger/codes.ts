import type pg from 'pg';
import type { Promocode } from '../world.ts';
import { tenantRef } from './tenants.ts';

/** A code that Promotions did not know is asked for again after this long. */
const unknownForMs = 60_000;

/** What is known of a promo code: its ids, that there is none, or nothing yet (undefined). */
export async function knownCode(
  pool: pg.Pool,
  tenant: string,
  code: string,
): Promise<Promocode | 'none' | undefined> {
  const found = await pool.query<{ promocodeId: string | null; promotionId: string | null }>({
    name: 'known_code',
    text: `select c.promocode_id as "promocodeId", c.promotion_id as "promotionId"
     from code c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.code = $2 and (c.promocode_id is not null
       or c.looked_up > clock_timestamp() - $3 * interval '1 ms')`,
    values: [tenant, code, unknownForMs],
  });
  const row = found.rows[0];
  if (!row) return undefined;
  return row.promocodeId === null
    ? 'none'
    : { promocodeId: row.promocodeId, promotionId: row.promotionId ?? undefined };
}

/** The code that is known by the id of its promocode. */
export async function codeOfPromocode(
  pool: pg.Pool,
  tenant: string,
  promocodeId: string,
): Promise<string | undefined> {
  const found = await pool.query<{ code: string }>(
    `select c.code from code c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.promocode_id = $2 limit 1`,
    [tenant, promocodeId],
  );
  return found.rows[0]?.code;
}

/** Remembers what Promotions answered for a code. */
export async function rememberCode(
  pool: pg.Pool,
  tenant: string,
  code: string,
  promocode: Promocode | undefined,
): Promise<void> {
  await pool.query(
    `insert into code (tenant, code, promocode_id, promotion_id) values ($1, $2, $3, $4)
     on conflict (tenant, code) do update set promocode_id = excluded.promocode_id,
       promotion_id = excluded.promotion_id, looked_up = clock_timestamp()`,
    [
      await tenantRef(pool, tenant),
      code,
      promocode?.promocodeId ?? null,
      promocode?.promotionId ?? null,
    ],
  );
}

/** The next to need this code asks Promotions for it anew: it may have been made meanwhile. */
export async function forgetUnknownCode(
  pool: pg.Pool,
  tenant: string,
  code: string,
): Promise<void> {
  await pool.query(
    `delete from code c using tenant t
     where t.ref = c.tenant and t.name = $1 and c.code = $2 and c.promocode_id is null`,
    [tenant, code],
  );
}

/** Notes that a campaign's code is of an inactive promotion. True for the first to notice. */
export async function noteInactive(
  pool: pg.Pool,
  campaign: number,
  code: string,
): Promise<boolean> {
  const noted = await pool.query(
    `update campaign set inactive_codes = inactive_codes || $2::text
     where ref = $1 and $2 <> all (inactive_codes)`,
    [campaign, code],
  );
  return noted.rowCount === 1;
}
