import type pg from 'pg';
import type { Acting } from '../domain/act.ts';
import type { Judgement, Repair, Verdict } from '../domain/reconciliation.ts';
import { writeAudit } from './audit.ts';
import type { Member } from './packing.ts';
import { lockCampaign, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

// What differs between the far sides and the ledger, one row each, for as long as it does.

/** One that was found in a batch. */
export interface Found extends Judgement {
  member: Member;
}

/**
 * Writes down what was found in one batch: what is found again stays, what is not found any more is closed, and was
 * repaired where a run had set out to.
 */
export async function saveDifferences(
  pool: pg.Pool,
  { campaign, batch, run }: { campaign: number; batch: number; run: string },
  found: readonly Found[],
): Promise<void> {
  const lists = [
    found.map(({ member }) => member.position),
    found.map(({ member }) => member.customerId),
    found.map(({ member }) => member.promoCode),
    found.map(({ member }) => member.instance),
    found.map(({ verdict }) => verdict),
    found.map(({ repair }) => repair),
  ];
  await transaction(pool, async (connection) => {
    await connection.query(
      `insert into difference (tenant, campaign, batch, found_by, position, customer, code, instance, verdict, repair)
       select c.tenant, $1, $2, $3, f.* from campaign c
       cross join unnest($4::int[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[]) f
       where c.ref = $1
       on conflict (campaign, verdict, customer, code, instance) where closed_at is null
         do update set repair = excluded.repair, batch = excluded.batch, position = excluded.position`,
      [campaign, batch, run, ...lists],
    );
    await connection.query(
      `update difference d set closed_at = clock_timestamp(),
         repaired_at = case when d.repaired_by is not null then clock_timestamp() end
       where d.campaign = $1 and d.batch = $2 and d.closed_at is null and not exists (
         select from unnest($3::int[], $4::text[]) as f(position, verdict)
         where f.position = d.position and f.verdict = d.verdict)`,
      [campaign, batch, lists[0], lists[4]],
    );
  });
}

/** A batch has been looked at by this run; what is not repaired is listed. */
export async function markLookedAt(
  pool: pg.Pool,
  { campaign, batch, run }: { campaign: number; batch: number; run: string },
): Promise<void> {
  await pool.query(
    `update evidence set looked_at = clock_timestamp()
     where campaign = $1 and batch = $2 and run = $3`,
    [campaign, batch, run],
  );
}

/** An open difference of a batch, by its place. */
export interface OpenDifference {
  id: string;
  position: number;
  verdict: Verdict;
  repair: Repair;
}

export async function differencesOf(
  pool: pg.Pool,
  campaign: number,
  batch: number,
): Promise<OpenDifference[]> {
  const found = await pool.query<OpenDifference>(
    `select id, position, verdict, repair from difference
     where campaign = $1 and batch = $2 and closed_at is null order by position, id`,
    [campaign, batch],
  );
  return found.rows;
}

/**
 * Writes down that a run sets out to repair what is open of a batch, or of a whole campaign, before it does; in the
 * audit, too. Repeated by the same run, it is the same act.
 */
export async function noteRepairs(
  pool: pg.Pool,
  at: { campaign: number; batch: number | null; run: string },
  acting: Acting,
  repairs: readonly Repair[],
): Promise<void> {
  const { campaign, batch, run } = at;
  await transaction(pool, async (connection) => {
    const noted = await connection.query(
      `update difference set repaired_by = $3
       where campaign = $1 and ($2::int is null or batch = $2) and closed_at is null
         and repair = any ($4) and repaired_by is distinct from $3`,
      [campaign, batch, run, repairs],
    );
    if (noted.rowCount === 0) return;
    const found = await connection.query<{ tenant: number; id: string }>(
      'select tenant, id from campaign where ref = $1',
      [campaign],
    );
    const { tenant, id: campaignId } = onlyRow(found);
    await writeAudit(connection, {
      ...{ ...acting, tenant, campaignId, act: 'reconcile --repair' },
      subject: batch === null ? 'fulfilments' : `batch ${batch}`,
      request: `${run}/${campaign}/${batch ?? 'fulfilments'}`,
    });
  });
}

/**
 * Has the fulfilments of a campaign done again, where something open is mended by that: whoever was sent, or
 * awarded, is read anew, and batches with such members are walked again. True where there was anything to do.
 */
export async function reopenFulfilments(
  pool: pg.Pool,
  campaign: number,
  sweepsOf: (number: number) => { first: number; last: number },
): Promise<boolean> {
  return transaction(pool, async (connection) => {
    await lockCampaign(connection, campaign);
    const wanted = await connection.query<{ batch: number | null }>(
      `select distinct d.batch from difference d join campaign c on c.ref = d.campaign
       where d.campaign = $1 and d.closed_at is null and d.repair = 'fulfil' and c.fence is null`,
      [campaign],
    );
    if (wanted.rowCount === 0) return false;
    const reopened = await connection.query<{ number: number }>(
      `update fulfilment set closed_at = null, collected_at = null, outcome = null, wakes_at = null
       where campaign = $1 and closed_at is not null returning number`,
      [campaign],
    );
    // What was read before is marked as read: it would not be read again.
    for (const { number } of reopened.rows) {
      const { first, last } = sweepsOf(number);
      await connection.query('delete from page where campaign = $1 and sweep between $2 and $3', [
        ...[campaign, first, last],
      ]);
    }
    const batches = wanted.rows.flatMap(({ batch }) => batch ?? []);
    await connection.query(
      `update batch set finished = false, token = token + 1
       where campaign = $1 and number = any ($2) and fulfilment is not null and finished`,
      [campaign, batches],
    );
    return reopened.rowCount !== null && reopened.rowCount > 0;
  });
}

/** How many are open of each verdict, of these campaigns. */
export async function countDifferences(
  pool: pg.Pool,
  campaigns: readonly number[],
): Promise<Record<string, number>> {
  const counted = await pool.query<{ verdict: string; count: number }>(
    `select verdict, count(*)::int as count from difference
     where campaign = any ($1) and closed_at is null group by verdict order by verdict`,
    [campaigns],
  );
  return Object.fromEntries(counted.rows.map(({ verdict, count }) => [verdict, count]));
}

/** One difference as a person sees it; instants in epoch milliseconds. */
export interface DifferenceLine {
  id: string;
  campaignId: string;
  customerId: string;
  promoCode: string;
  instance: number;
  verdict: Verdict;
  repair: Repair;
  foundAt: number;
  /** A run has set out to repair it. */
  isBegun: boolean;
}

/** The open differences of these campaigns, in the order in which they were found. */
export async function listDifferences(
  pool: pg.Pool,
  campaigns: readonly number[],
  page: { after: string; limit: number },
): Promise<DifferenceLine[]> {
  const found = await pool.query<DifferenceLine>(
    `select d.id, c.id as "campaignId", d.customer as "customerId", d.code as "promoCode", d.instance,
       d.verdict, d.repair, round(extract(epoch from d.found_at) * 1000)::float8 as "foundAt",
       d.repaired_by is not null as "isBegun"
     from difference d join campaign c on c.ref = d.campaign
     where d.campaign = any ($1) and d.closed_at is null and d.id > $2 order by d.id limit $3`,
    [campaigns, page.after, page.limit],
  );
  return found.rows;
}

/** What a repair has taken back is no longer held by whoever was not sent the campaign. */
export async function recountNotSent(pool: pg.Pool, campaign: number): Promise<void> {
  await pool.query(
    `update campaign set not_sent = (select count(*) from difference d
       where d.campaign = $1 and d.closed_at is null and d.verdict = 'held_not_sent')
     where ref = $1 and not_sent > 0 and sent_known_at is not null and plan ->> 'notSent' = 'list'`,
    [campaign],
  );
}
