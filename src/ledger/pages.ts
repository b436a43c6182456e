import { createHash } from 'node:crypto';
import type pg from 'pg';
import { noCode } from '../domain/words.ts';
import type { AudiencePage } from '../world.ts';
import { separator } from './packing.ts';
import { type Connection, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

/**
 * Stages one page of the audience as it came. Staging the same page again replaces nothing: the first
 * reading stands, so that a retry is harmless. A page that repeats the sweep before is kept as a mark
 * alone.
 */
export async function stagePage(
  pool: pg.Pool,
  campaign: number,
  sweep: number,
  number: number,
  page: AudiencePage,
): Promise<void> {
  const rows = rowsOf(page);
  const digest = digestOf(rows);
  await transaction(pool, async (connection) => {
    const places = await mergeCodes(connection, campaign, new Set(rows.promoCodes));
    const before = await connection.query<{ digest: string }>(
      'select digest from page where campaign = $1 and sweep = $2 and number = $3',
      [campaign, sweep - 1, number],
    );
    const news = tidy(before.rows[0]?.digest === digest ? noRows : rows);
    await connection.query({
      name: 'stage_page',
      text: `insert into page (campaign, sweep, number, length, controls, malformed, digest, customers,
          hashes, codes, actions, people, places, leads)
        select $1, $2, $3, $4, $5, $6, $7, c.ids, array(select md5(id)::uuid
          from unnest(c.ids) with ordinality as u(id, at) order by at), $9, $10, $11, $12, $13
        from (select string_to_array($8, chr(31)) as ids) c
        on conflict do nothing`,
      values: [
        ...[campaign, sweep, number, page.length, page.controls, page.malformed, digest],
        news.customers.join(separator),
        arrayOf(news.promoCodes.map((code) => places.get(code) ?? 0)),
        arrayOf(news.actions),
        news.people,
        arrayOf(news.places),
        arrayOf(news.places.map((place, index) => place !== news.places[index - 1])),
      ],
    });
  });
}

/** Rows of a page, one a customer and code, column by column: a page has ten thousand of them. */
interface Rows {
  customers: string[];
  promoCodes: string[];
  /** 0 for none. */
  actions: number[];
}

const noRows: Rows = { customers: [], promoCodes: [], actions: [] };

function rowsOf(page: AudiencePage): Rows {
  const rows: Rows = { customers: [], promoCodes: [], actions: [] };
  for (const { customerId, actionId, promoCodes } of page.rows) {
    for (const code of promoCodes.length > 0 ? promoCodes : [noCode]) {
      rows.customers.push(customerId);
      rows.promoCodes.push(code);
      rows.actions.push(Number(actionId ?? 0));
    }
  }
  return rows;
}

function digestOf({ customers, promoCodes }: Rows): string {
  return createHash('sha256')
    .update(customers.join(separator))
    .update('\n')
    .update(promoCodes.join(separator))
    .digest('base64url');
}

/**
 * The rows of a page with each customer's side by side, where the customer first came: each code once,
 * and no row without a code beside one that has one. `places` numbers the page's customers, from 1.
 */
function tidy(rows: Rows): Rows & { people: number; places: number[] } {
  const { customers, promoCodes, actions } = rows;
  const first = new Map<string, number>();
  const places = customers.map((customer) => {
    const place = first.get(customer) ?? first.size + 1;
    first.set(customer, place);
    return place;
  });
  // By far the most pages name each customer once.
  const kept = first.size < customers.length ? keptRows(promoCodes, places) : undefined;
  const pick = <T>(column: T[]): T[] =>
    kept ? kept.flatMap((index) => column[index] ?? []) : column;
  return {
    people: first.size,
    customers: pick(customers),
    promoCodes: pick(promoCodes),
    actions: pick(actions),
    places: pick(places),
  };
}

/** Which rows of a page stand, in their new order. */
function keptRows(promoCodes: readonly string[], places: readonly number[]): number[] {
  const placeOf = (index: number): number => places[index] ?? 0;
  const order = places.map((_, index) => index).sort((a, b) => placeOf(a) - placeOf(b));
  const kept: number[] = [];
  for (let start = 0; start < order.length; ) {
    const place = placeOf(order[start] ?? 0);
    let end = start + 1;
    while (end < order.length && placeOf(order[end] ?? 0) === place) end += 1;
    const own = order.slice(start, end);
    kept.push(...(own.length === 1 ? own : distinct(own, promoCodes)));
    start = end;
  }
  return kept;
}

/** Of one customer's rows the first of each code; one without a code only where there is no other. */
function distinct(rows: readonly number[], promoCodes: readonly string[]): number[] {
  const byCode = new Map<string, number>();
  for (const index of rows) {
    const code = promoCodes[index] ?? noCode;
    if (!byCode.has(code)) byCode.set(code, index);
  }
  if (byCode.size > 1) byCode.delete(noCode);
  return [...byCode.values()];
}

/** Numbers and booleans as an array of Postgres: the driver would look into each for what to escape. */
function arrayOf(column: readonly (number | boolean)[]): string {
  return `{${column.join(',')}}`;
}

/** Adds codes the campaign has not seen; returns the place of each, for ever the same, from 1. */
async function mergeCodes(
  connection: Connection,
  campaign: number,
  seen: Set<string>,
): Promise<Map<string, number>> {
  const found = await connection.query<{ codes: string[] }>(
    'select codes from campaign where ref = $1 for update',
    [campaign],
  );
  const known = onlyRow(found).codes;
  const added = [...seen].filter((code) => !known.includes(code));
  const codes = [...known, ...added];
  if (added.length > 0) {
    await connection.query('update campaign set codes = $2 where ref = $1', [campaign, codes]);
  }
  return new Map(codes.map((code, index) => [code, index + 1]));
}

export interface StagedSweep {
  sweep: number;
  /** Pages staged, the rows they had, and whether all of them repeat the sweep before. */
  pages: number;
  rows: number;
  lastLength: number;
  allRepeated: boolean;
}

/** Which sweeps belong together: those of the audience, or those of one fulfilment. */
export interface Staging {
  first: number;
  last: number;
}

/** Sweeps of one staging; of an audience, the last of them is the list of the canceled. */
const sweepsEach = 10;

/** The sweeps of a campaign's audience; with a number, those of the fulfilment of that number. */
export function stagingOf(fulfilment = 0): Staging {
  const first = fulfilment * sweepsEach + 1;
  return { first, last: first + sweepsEach - 2 };
}

/** How far the reading of the audience has come: the latest sweep, from which a retry goes on. */
export async function stagedSweep(
  pool: pg.Pool,
  campaign: number,
  { first, last }: Staging = stagingOf(),
): Promise<StagedSweep | undefined> {
  const found = await pool.query<StagedSweep>(
    `select p.sweep, count(*)::int as pages, sum(p.length)::int as rows,
       (array_agg(p.length order by p.number desc))[1] as "lastLength",
       coalesce(bool_and(q.digest = p.digest), true) and count(q.digest) = count(*) as "allRepeated"
     from page p left join page q on q.campaign = p.campaign and q.sweep = p.sweep - 1 and q.number = p.number
     where p.campaign = $1 and p.sweep between $2 and $3
     group by p.sweep order by p.sweep desc limit 1`,
    [campaign, first, last],
  );
  return found.rows[0];
}

/** Distinct customers staged so far. */
export async function countStaged(
  connection: Connection | pg.Pool,
  campaign: number,
  { first, last }: Staging = stagingOf(),
): Promise<number> {
  const counted = await connection.query<{ customers: number }>(
    `select count(*)::int as customers from (
       select from page p cross join lateral unnest(p.hashes) hash
       where p.campaign = $1 and p.sweep between $2 and $3 group by hash) distinctly`,
    [campaign, first, last],
  );
  return onlyRow(counted).customers;
}

/** An empty audience is asked for again from the beginning. */
export async function forgetStaged(
  pool: pg.Pool,
  campaign: number,
  { first, last }: Staging = stagingOf(),
): Promise<void> {
  await pool.query('delete from page where campaign = $1 and sweep between $2 and $3', [
    campaign,
    first,
    last,
  ]);
}
