import type pg from 'pg';
import type { Answered } from './answers.ts';
import type { Connection } from './pool.ts';

// A true is written before it is told, and whoever wrote it may never hear that it was: his customer was
// told false by then. So only he tells a true that is not marked as told, and all others wait for the mark.

/** One trigger by its name in the ledger. */
export interface Trigger {
  campaign: number;
  customerId: string;
  instance: number;
}

/**
 * The answers of these triggers that every repeat may hear, in their order; undefined for what is not
 * decided yet, and for a true that is not marked as told.
 */
export async function answersOf(
  pool: pg.Pool,
  triggers: readonly Trigger[],
): Promise<(Answered | undefined)[]> {
  return answersBy(pool, { name: 'answers_of', text: answersStatement }, triggers);
}

// Each row is found by all of its key, as in the statement that answers.
export const answersStatement = `
select w.place::int, a.answer, a.reason
from unnest($1::int[], $2::text[], $3::smallint[]) with ordinality
  as w(campaign, customer, instance, place)
cross join lateral (
  select x.answer, x.reason from answer x
  where x.campaign = w.campaign and x.customer = md5(w.customer)::uuid and x.instance = w.instance
    and (not x.answer or x.told)
  offset 0) a`;

/**
 * Marks what is true of these triggers as told, and returns the answers that stand: from now on nobody
 * makes a false of them. Called by whoever has told a true, and by whoever is about to tell one that
 * somebody else wrote. Safe to repeat.
 */
export async function markTold(
  pool: pg.Pool | Connection,
  triggers: readonly Trigger[],
): Promise<(Answered | undefined)[]> {
  return answersBy(pool, { name: 'mark_told', text: tellStatement }, triggers);
}

export const tellStatement = `
with named as materialized (
  select w.*, md5(w.customer)::uuid as hash
  from unnest($1::int[], $2::text[], $3::smallint[]) with ordinality
    as w(campaign, customer, instance, place)
  order by w.campaign, md5(w.customer)::uuid, w.instance
), held as materialized (
  select n.*, a.answer, a.told, a.due, a.reason
  from named n
  cross join lateral (
    select x.answer, x.told, x.due, x.reason from answer x
    where x.campaign = n.campaign and x.customer = n.hash and x.instance = n.instance
      and x.answer is not null
    for no key update) a
), marked as (
  insert into answer (campaign, customer, instance, due)
  select distinct campaign, hash, instance, due from held where answer and not told
  order by campaign, hash, instance
  on conflict (campaign, customer, instance) do update set told = true
)
select place::int, answer, reason from held`;

async function answersBy(
  pool: pg.Pool | Connection,
  statement: { name: string; text: string },
  triggers: readonly Trigger[],
): Promise<(Answered | undefined)[]> {
  const found = await pool.query<{ place: number; answer: boolean; reason: string | null }>({
    ...statement,
    values: [
      triggers.map((one) => one.campaign),
      triggers.map((one) => one.customerId),
      triggers.map((one) => one.instance),
    ],
  });
  const answers: (Answered | undefined)[] = triggers.map(() => undefined);
  for (const { place, answer, reason } of found.rows) {
    answers[place - 1] = { allowed: answer, reason: reason ?? undefined };
  }
  return answers;
}
