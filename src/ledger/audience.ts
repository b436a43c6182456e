import type pg from 'pg';
import { batchCustomers } from '../domain/batching.ts';
import { noCode } from '../domain/words.ts';
import type { Span } from './fulfilment-spans.ts';
import { countStaged, type Staging, stagingOf } from './pages.ts';
import { type Connection, lockCut, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

/**
 * Nobody has a batch yet, and no customer came on two pages: each page's own order will do. Where there
 * are as many customers on the pages as were distinct at an earlier count, nobody was added since.
 */
async function isPlain(
  connection: Connection,
  campaign: number,
  staging: Staging,
  counted: number | undefined,
): Promise<boolean> {
  const found = await connection.query<{ people: number; cut: boolean }>(
    `select coalesce(sum(people), 0)::int as people,
       exists (select from batch where campaign = $1) as cut
     from page where campaign = $1 and sweep between $2 and $3`,
    [campaign, staging.first, staging.last],
  );
  const { people, cut } = onlyRow(found);
  return !cut && people === (counted ?? (await countStaged(connection, campaign, staging)));
}

/** Who cuts for what follows on the execution; instants in epoch milliseconds. */
export interface CutBy extends Span {
  number: number;
  /** A lead time delays what is given: then the platform is told when it begins. */
  isDelayed: boolean;
  durationDays: number;
}

export interface Audience {
  customers: number;
  batches: number;
}

/**
 * Cuts the staged audience into batches at customers' borders, in the order in which customers first
 * came, and writes the batches and their keys in one transaction. A customer who came twice counts
 * once; a row without a code gives way to the customer's codes. Customers who already have a batch
 * keep it, so that cutting again adds only who is new. `counted` is how many distinct customers were
 * staged when the caller counted them last.
 *
 * A fulfilment cuts what it staged itself, and adds whoever has not got the code yet: the same customer
 * comes again with each channel, and may come with another code.
 */
export async function cutAudience(
  pool: pg.Pool,
  campaign: number,
  { counted, fulfilment }: { counted?: number | undefined; fulfilment?: CutBy } = {},
): Promise<Audience> {
  const staging = stagingOf(fulfilment?.number);
  return transaction(pool, async (connection) => {
    await lockCut(connection, campaign);
    await connection.query("set local work_mem = '256MB'");
    // The planner takes an unnested page for a handful of rows; a loop over a million of them never ends.
    await connection.query('set local enable_nestloop = off');
    const range = [campaign, batchCustomers, staging.first, staging.last];
    if (await isPlain(connection, campaign, staging, counted)) {
      await connection.query(placePages, range);
    } else {
      await connection.query(placeMembers(fulfilment !== undefined), [...range, noCode]);
    }
    await connection.query(writeBatches, [
      campaign,
      fulfilment?.number ?? null,
      fulfilment?.isDelayed ? fulfilment.startsAt : null,
      fulfilment?.endsAt ?? null,
    ]);
    await connection.query(writeKeys, [campaign]);
    await connection.query('drop table placed');
    await emptyPages(connection, campaign, staging);
    await describeAudience(connection, campaign, staging, fulfilment?.durationDays);
    const audience = await connection.query<Audience>(
      `select coalesce(sum(people), 0)::int as customers, count(*)::int as batches
       from batch where campaign = $1`,
      [campaign],
    );
    return onlyRow(audience);
  });
}

/**
 * What the pages tell of the audience as a whole, and how long it is given what. It comes last: whoever sets a
 * fence waits for the campaign's row, and must not wait for a cut.
 */
async function describeAudience(
  connection: Connection,
  campaign: number,
  { first, last }: Staging,
  durationDays: number | undefined,
): Promise<void> {
  await connection.query(
    `update campaign set
       controls = coalesce((select max(s) from (select sum(controls) s from page
         where campaign = $1 and sweep between $2 and $3 group by sweep) x), controls),
       malformed = coalesce((select max(s) from (select sum(malformed) s from page
         where campaign = $1 and sweep between $2 and $3 group by sweep) x), malformed),
       duration_days = coalesce($4::int, duration_days),
       plan = plan || jsonb_strip_nulls(jsonb_build_object('durationDays', $4::int))
     where ref = $1`,
    [campaign, first, last, durationDays ?? null],
  );
}

/** The pages of a cut audience keep their place, and lose their rows. */
export async function emptyPages(
  connection: Connection | pg.Pool,
  campaign: number,
  { first, last }: Staging,
): Promise<void> {
  await connection.query(
    `update page set customers = '{}', hashes = '{}', codes = '{}', actions = '{}', places = '{}',
       leads = '{}', people = 0 where campaign = $1 and sweep between $2 and $3`,
    [campaign, first, last],
  );
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
    from page p where campaign = $1 and sweep between $3 and $4
    window before as (order by sweep, number rows between unbounded preceding and 1 preceding)
  )
  select r.customer, r.hash, r.code, r.action, r.leads, r.leads as counts,
    ((p.people_before + r.place - 1) / $2)::int + 1 as batch, (p.rows_before + r.at)::int as row
  from pages p
  cross join lateral unnest(p.customers, p.hashes, p.codes, p.actions, p.places, p.leads)
    with ordinality as r(customer, hash, code, action, place, leads, at)`;

/**
 * One row a customer and code, at the place where it first came; the customers are numbered in the
 * order of their first places, and each batch takes the next ten thousand. Only customers with several
 * rows are looked at as groups: sorting all by customer took twice as long as everything else.
 */
const placeMembers = (byCode: boolean): string => `
  create temp table placed on commit drop as
  with staged as materialized (
    select r.customer, r.hash, r.code, r.action,
      (p.sweep::bigint << 52) + (p.number::bigint << 24) + r.at as place
    from page p
    cross join lateral unnest(p.customers, p.hashes, p.codes, p.actions)
      with ordinality as r(customer, hash, code, action, at)
    where p.campaign = $1 and p.sweep between $3 and $4 and not exists (
      select from assignment a where a.campaign = $1 and a.customer = r.hash
        ${byCode ? 'and a.code = r.code' : ''})
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
      select array_position(codes, $5) from campaign where ref = $1)
    group by s.hash, s.code, v.first
  )
  select customer, hash, code, action, leads,
    -- Whoever has another code of the campaign already is counted there.
    leads and not exists (
      select from assignment a where a.campaign = $1 and a.customer = m.hash) as counts,
    (select coalesce(max(number), 0) from batch where campaign = $1) + 1
      + ((count(*) filter (where leads) over places - 1) / $2)::int as batch,
    (row_number() over places)::int as row
  from members m
  window places as (order by first, place rows unbounded preceding)`;

const writeBatches = `
  with gathered as (
    select batch, count(*)::int as size, count(*) filter (where counts) as people,
      string_agg(customer, chr(31) order by row) as customers,
      string_agg(int4send(action), ''::bytea order by row) as action,
      string_agg(int2send(code), ''::bytea order by row) as code,
      string_agg(case when counts then '\\x01'::bytea else '\\x00'::bytea end, ''::bytea
        order by row) as leads
    from placed group by batch
  )
  insert into batch (campaign, number, size, people, customers, action, code, leads,
    state, clearance, redemption, reason, fulfilment, starts_at, expires_at, due)
  select $1, batch, size, people, customers, action, code, leads,
    zeros.fact, case when $2::int is null then zeros.fact else facts.delegated end, zeros.fact, zeros.place, $2,
    to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), to_timestamp($4::float8 / 1000)
  from gathered cross join lateral (
    select decode(repeat('00', size), 'hex') as fact, decode(repeat('0000', size), 'hex') as place
  ) zeros cross join lateral (
    -- Optimove has cleared whoever it has sent the campaign.
    select decode(repeat('03', size), 'hex') as delegated
  ) facts`;

/** In the order of the index, which is then built from left to right: faster, and denser on disk. */
const writeKeys = `
  insert into assignment (campaign, customer, batch, position, code)
  select $1, p.hash, p.batch, p.row - b.first + 1, p.code
  from placed p join (select batch, min(row) as first from placed group by batch) b using (batch)
  order by p.hash`;
