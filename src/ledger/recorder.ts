import { createHash } from 'node:crypto';
import type pg from 'pg';
import { gather } from './gathering.ts';
import type { Delivery, Receipt } from './inbox.ts';
import { tenantRef } from './tenants.ts';

/** Deliveries that share a statement, at most. */
const mostAtOnce = 500;
const statementsAtOnce = 2;

interface Waiting {
  delivery: Delivery;
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

/**
 * Stores a delivery, or counts it where the same body came before. Safe to repeat. All that come while
 * statements are under way go with the next, in one commit.
 */
export function createRecorder(pool: pg.Pool): (delivery: Delivery) => Promise<Receipt> {
  const waiting = gather<Waiting>(statementsAtOnce, async (drain) => {
    const taken = drain.take(mostAtOnce);
    try {
      const receipts = await insert(
        pool,
        taken.map(({ delivery }) => rowOf(delivery)),
      );
      for (const [index, receipt] of receipts.entries()) taken[index]?.resolve(receipt);
    } catch (error) {
      if (isUnstorable(error)) await Promise.all(taken.map((one) => insertAlone(pool, one)));
      else for (const one of taken) one.reject(error);
    }
  });
  return (delivery) => {
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>();
    waiting.add({ delivery, resolve, reject });
    return promise;
  };
}

/** What the ledger cannot hold as it is costs nobody else his place. */
async function insertAlone(pool: pg.Pool, one: Waiting): Promise<void> {
  const row = rowOf(one.delivery);
  try {
    const [receipt] = await insert(pool, [row]).catch((error: unknown) => {
      if (!isUnstorable(error)) throw error;
      // JSON that jsonb cannot hold (a NUL, half a surrogate pair, a nesting too deep) is kept as text.
      return insert(pool, [{ ...row, body: JSON.stringify(row.body) }]);
    });
    if (receipt) one.resolve(receipt);
  } catch (error) {
    one.reject(error);
  }
}

type Row = ReturnType<typeof rowOf>;

function rowOf({ tenant, raw, type, campaignId, status, reason, reading }: Delivery) {
  return {
    ...{ tenant, body: raw, status },
    digest: createHash('sha256').update(raw).digest('base64url'),
    type: storableType(type),
    campaign: campaignId ?? null,
    reason: reason ?? null,
    reading: reading ? JSON.stringify(reading) : null,
  };
}

/** Receipts in the order of the rows: a body that is there more than once is one row, and counts each. */
async function insert(pool: pg.Pool, rows: readonly Row[]): Promise<Receipt[]> {
  const copies = Map.groupBy(rows, nameOf);
  // In one order, so that two gateways that store the same never wait for each other in a ring.
  const firsts = rows
    .filter((row) => copies.get(nameOf(row))?.[0] === row)
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const tenant of new Set(rows.map((row) => row.tenant))) await tenantRef(pool, tenant);
  const column = <T>(of: (row: Row) => T): T[] => firsts.map(of);
  const stored = await pool.query<{ tenant: string; digest: string } & Receipt>({
    name: 'record_deliveries',
    text: `with stored as (
        insert into inbox as i (tenant, digest, type, campaign, body, status, reason, reading, times)
        select t.ref, d.digest, d.type, d.campaign, d.body::jsonb, d.status, d.reason, d.reading::jsonb, d.times
        from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::int[]) with ordinality
          as d (tenant, digest, type, campaign, body, status, reason, reading, times, place)
        join tenant t on t.name = d.tenant
        order by d.place
        on conflict (tenant, digest) do update set times = i.times + excluded.times
        returning tenant, digest, times, status)
      select t.name as tenant, s.digest, s.times, s.status from stored s join tenant t on t.ref = s.tenant`,
    values: [
      column(({ tenant }) => tenant),
      column(({ digest }) => digest),
      column(({ type }) => type),
      column(({ campaign }) => campaign),
      column(({ body }) => body),
      column(({ status }) => status),
      column(({ reason }) => reason),
      column(({ reading }) => reading),
      column((row) => copies.get(nameOf(row))?.length ?? 1),
    ],
  });
  const found = new Map(stored.rows.map((row) => [nameOf(row), row]));
  return rows.map((row) => {
    const one = found.get(nameOf(row));
    if (!one) throw new Error('The inbox gave no receipt');
    const same = copies.get(nameOf(row)) ?? [];
    const after = same.length - 1 - same.indexOf(row);
    return { times: one.times - after, status: one.status };
  });
}

function nameOf({ tenant, digest }: Pick<Row, 'tenant' | 'digest'>): string {
  return `${tenant} ${digest}`;
}

/** The column is an int; a stranger number stays in the body alone. */
function storableType(type: number | undefined): number | null {
  return type !== undefined && Math.abs(type) < 2 ** 31 ? type : null;
}

/** Data exceptions (class 22), and a nesting deeper than the server's stack (54001). */
function isUnstorable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('22') || code === '54001';
}
