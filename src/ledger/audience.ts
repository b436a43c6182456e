import { createHash } from 'node:crypto';
import type pg from 'pg';
import { batchCustomers } from '../domain/batching.ts';
import { noCode } from '../domain/words.ts';
import type { AudiencePage } from '../world.ts';
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
  const rows = page.rows.flatMap((row) =>
    (row.promoCodes.length > 0 ? row.promoCodes : [noCode]).map((code) => ({ ...row, code })),
  );
  const digest = digestOf(rows.map((row) => [row.customerId, row.code]));
  await transaction(pool, async (connection) => {
    const codes = await mergeCodes(connection, campaign, new Set(rows.map((row) => row.code)));
    const before = await connection.query<{ digest: string }>(
      'select digest from page where campaign = $1 and sweep = $2 and number = $3',
      [campaign, sweep - 1, number],
    );
    const { people, news } = tidy(before.rows[0]?.digest === digest ? [] : rows);
    await connection.query(
      `insert into page (campaign, sweep, number, length, controls, malformed, digest, customers, hashes,
         codes, actions, people, places, leads)
       values ($1, $2, $3, $4, $5, $6, $7, $8, array(select md5(c)::uuid
         from unnest($8::text[]) with ordinality as u(c, at) order by at), $9, $10, $11, $12, $13)
       on conflict do nothing`,
      [
        campaign,
        sweep,
        number,
        page.length,
        page.controls,
        page.malformed,
        digest,
        news.map((row) => row.customerId),
        news.map((row) => codes.indexOf(row.code) + 1),
        news.map((row) => Number(row.actionId ?? 0)),
        people,
        news.map((row) => row.place),
        news.map((row, index) => row.place !== news[index - 1]?.place),
      ],
    );
  });
}

/** A row of a page, one a customer and code. */
interface CodeRow {
  customerId: string;
  actionId: string | undefined;
  code: string;
}

/**
 * The rows of a page with each customer's side by side, where the customer first came: each code once,
 * and no row without a code beside one that has one. `place` numbers the page's customers, from 1.
 */
function tidy(rows: readonly CodeRow[]): { people: number; news: (CodeRow & { place: number })[] } {
  const customers = Map.groupBy(rows, (row) => row.customerId);
  const news = [...customers.values()].flatMap((own, index) => {
    const coded = own.length === 1 ? own : own.filter((row) => row.code !== noCode);
    const kept = coded.length > 0 ? coded : own;
    const codes = new Set<string>();
    return kept.flatMap((row) => {
      if (codes.has(row.code)) return [];
      codes.add(row.code);
      return [{ ...row, place: index + 1 }];
    });
  });
  return { people: customers.size, news };
}

function digestOf(rows: string[][]): string {
  return createHash('sha256').update(JSON.stringify(rows)).digest('base64url');
}

/** Adds codes the campaign has not seen; returns all of them, each at its place for ever. */
async function mergeCodes(
  connection: Connection,
  campaign: number,
  seen: Set<string>,
): Promise<string[]> {
  const found = await connection.query<{ codes: string[] }>(
    'select codes from campaign where ref = $1 for update',
    [campaign],
  );
  const known = onlyRow(found).codes;
  const added = [...seen].filter((code) => !known.includes(code));
  if (added.length === 0) return known;
  const codes = [...known, ...added];
  await connection.query('update campaign set codes = $2 where ref = $1', [campaign, codes]);
  return codes;
}

export interface StagedSweep {
  sweep: number;
  /** Pages staged, the rows they had, and whether all of them repeat the sweep before. */
  pages: number;
  rows: number;
  lastLength: number;
  allRepeated: boolean;
}

/** How far the reading of the audience has come: the latest sweep, from which a retry goes on. */
export async function stagedSweep(
  pool: pg.Pool,
  campaign: number,
): Promise<StagedSweep | undefined> {
  const found = await pool.query<StagedSweep>(
    `select p.sweep, count(*)::int as pages, sum(p.length)::int as rows,
       (array_agg(p.length order by p.number desc))[1] as "lastLength",
       coalesce(bool_and(q.digest = p.digest), true) and count(q.digest) = count(*) as "allRepeated"
     from page p left join page q on q.campaign = p.campaign and q.sweep = p.sweep - 1 and q.number = p.number
     where p.campaign = $1 group by p.sweep order by p.sweep desc limit 1`,
    [campaign],
  );
  return found.rows[0];
}

/** Distinct customers staged so far. */
export async function countStaged(
  connection: Connection | pg.Pool,
  campaign: number,
): Promise<number> {
  const counted = await connection.query<{ customers: number }>(
    `select count(*)::int as customers from (
       select from page p cross join lateral unnest(p.hashes) hash
       where p.campaign = $1 group by hash) distinctly`,
    [campaign],
  );
  return onlyRow(counted).customers;
}

/** Nobody has a batch yet, and no customer came on two pages: each page's own order will do. */
async function isPlain(connection: Connection, campaign: number): Promise<boolean> {
  const found = await connection.query<{ people: number; cut: boolean }>(
    `select coalesce(sum(people), 0)::int as people,
       exists (select from batch where campaign = $1) as cut
     from page where campaign = $1`,
    [campaign],
  );
  const { people, cut } = onlyRow(found);
  return !cut && people === (await countStaged(connection, campaign));
}

/** An empty audience is asked for again from the beginning. */
export async function forgetStaged(pool: pg.Pool, campaign: number): Promise<void> {
  await pool.query('delete from page where campaign = $1', [campaign]);
}

export interface Audience {
  customers: number;
  batches: number;
}

/**
 * Cuts the staged audience into batches at customers' borders, in the order in which customers first
 * came, and writes the batches and their keys in one transaction. A customer who came twice counts
 * once; a row without a code gives way to the customer's codes. Customers who already have a batch
 * keep it, so that cutting again adds only who is new.
 */
export async function cutAudience(pool: pg.Pool, campaign: number): Promise<Audience> {
  return transaction(pool, async (connection) => {
    await connection.query("set local work_mem = '256MB'");
    // The planner takes an unnested page for a handful of rows; a loop over a million of them never ends.
    await connection.query('set local enable_nestloop = off');
    await connection.query(
      `update campaign set
         controls = coalesce((select max(s) from (
           select sum(controls) s from page where campaign = $1 group by sweep) x), controls),
         malformed = coalesce((select max(s) from (
           select sum(malformed) s from page where campaign = $1 group by sweep) x), malformed)
       where ref = $1`,
      [campaign],
    );
    if (await isPlain(connection, campaign)) {
      await connection.query(placePages, [campaign, batchCustomers]);
    } else {
      await connection.query(placeMembers, [campaign, batchCustomers, noCode]);
    }
    await connection.query(writeBatches, [campaign]);
    await connection.query(writeKeys, [campaign]);
    await connection.query('drop table placed');
    await connection.query(
      `update page set customers = '{}', hashes = '{}', codes = '{}', actions = '{}', places = '{}',
         leads = '{}', people = 0 where campaign = $1`,
      [campaign],
    );
    const counted = await connection.query<Audience>(
      `select coalesce(sum(people), 0)::int as customers, count(*)::int as batches
       from batch where campaign = $1`,
      [campaign],
    );
    return onlyRow(counted);
  });
}

/**
 * The rows as they stand on their pages: each customer has them side by side on one page, so that the
 * customers before it number both customer and row. It takes half the time of the general way below.
 */
const placePages = `
  create temp table placed on commit drop as
  with pages as materialized (
    select p.*, coalesce(sum(people) over before, 0) as people_before,
      coalesce(sum(cardinality(customers)) over before, 0) as rows_before
    from page p where campaign = $1
    window before as (order by sweep, number rows between unbounded preceding and 1 preceding)
  )
  select r.customer, r.hash, r.code, r.action, r.leads,
    ((p.people_before + r.place - 1) / $2)::int + 1 as batch, (p.rows_before + r.at)::int as row
  from pages p
  cross join lateral unnest(p.customers, p.hashes, p.codes, p.actions, p.places, p.leads)
    with ordinality as r(customer, hash, code, action, place, leads, at)`;

/**
 * One row a customer and code, at the place where it first came; the customers are numbered in the
 * order of their first places, and each batch takes the next ten thousand. Only customers with several
 * rows are looked at as groups: sorting all by customer took twice as long as everything else.
 */
const placeMembers = `
  create temp table placed on commit drop as
  with staged as materialized (
    select r.customer, r.hash, r.code, r.action,
      (p.sweep::bigint << 52) + (p.number::bigint << 24) + r.at as place
    from page p
    cross join lateral unnest(p.customers, p.hashes, p.codes, p.actions)
      with ordinality as r(customer, hash, code, action, at)
    where p.campaign = $1
  ), several as materialized (
    select hash, min(place) as first, min(code) < max(code) as various
    from staged group by hash having count(*) > 1
  ), members as (
    select s.customer, s.hash, s.code, s.action, s.place, s.place as first, true as leads
    from staged s left join several v on v.hash = s.hash where v.hash is null
    union all
    select min(s.customer), s.hash, s.code, min(s.action), min(s.place), v.first,
      min(s.place) = min(min(s.place)) over (partition by s.hash)
    from staged s join several v on v.hash = s.hash
    where not v.various or s.code is distinct from (
      select array_position(codes, $3) from campaign where ref = $1)
    group by s.hash, s.code, v.first
  )
  select customer, hash, code, action, leads,
    (select coalesce(max(number), 0) from batch where campaign = $1) + 1
      + ((count(*) filter (where leads) over places - 1) / $2)::int as batch,
    (row_number() over places)::int as row
  from members m
  where not exists (
    select from assignment a where a.campaign = $1 and a.customer = m.hash)
  window places as (order by first, place rows unbounded preceding)`;

const writeBatches = `
  with gathered as (
    select batch, count(*)::int as size, count(*) filter (where leads) as people,
      string_agg(customer, chr(31) order by row) as customers,
      string_agg(int4send(action), ''::bytea order by row) as action,
      string_agg(int2send(code), ''::bytea order by row) as code,
      string_agg(case when leads then '\\x01'::bytea else '\\x00'::bytea end, ''::bytea
        order by row) as leads
    from placed group by batch
  )
  insert into batch (campaign, number, size, people, customers, action, code, leads,
    state, clearance, redemption, reason)
  select $1, batch, size, people, customers, action, code, leads,
    zeros.fact, zeros.fact, zeros.fact, zeros.place
  from gathered cross join lateral (
    select decode(repeat('00', size), 'hex') as fact, decode(repeat('0000', size), 'hex') as place
  ) zeros`;

/** In the order of the index, which is then built from left to right: faster, and denser on disk. */
const writeKeys = `
  insert into assignment (campaign, customer, batch, position, code)
  select $1, p.hash, p.batch, p.row - b.first + 1, p.code
  from placed p join (select batch, min(row) as first from placed group by batch) b using (batch)
  order by p.hash`;
