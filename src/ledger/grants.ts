import type pg from 'pg';
import type { Executed } from '../domain/executed.ts';
import { type Arrival, isUndecided } from './answers.ts';
import { awardsLagMs, awardsPauseMs, isUnfinished } from './grant-pools.ts';
import type { Connection } from './pool.ts';

// Events 11 wait in the inbox until a round of the grants story hears them: in one transaction an event
// is judged by the answer of its trigger, comes into a pool where it is to give, and its row is closed.

/** An event 11 that nobody has heard yet. */
export interface Waiting {
  id: number;
  campaignId: string;
  /** Epoch milliseconds. */
  receivedAt: number;
  executed: Executed;
}

const isOpen = 't.held is null and t.halted is null and (c.ref is null or c.held is null)';

/** The events of a tenant that may be heard now, the oldest first; those of a held campaign stay. */
export async function waitingEvents(
  pool: pg.Pool,
  tenant: string,
  most: number,
): Promise<Waiting[]> {
  const found = await pool.query<Omit<Waiting, 'id'> & { id: string }>({
    name: 'waiting_events',
    text: `select i.id, i.campaign as "campaignId", i.reading as executed,
        (extract(epoch from i.received_at) * 1000)::float8 as "receivedAt"
      from inbox i join tenant t on t.ref = i.tenant
      left join campaign c on c.tenant = i.tenant and c.id = i.campaign
      where t.name = $1 and i.status = 'queued' and ${isOpen}
        and (i.leased_until is null or i.leased_until < clock_timestamp())
      order by i.id limit $2`,
    values: [tenant, most],
  });
  return found.rows.map((row) => ({ ...row, id: Number(row.id) }));
}

/**
 * In how long the next event that was postponed is to be heard, or a pool whose awards do not show yet is to
 * be walked again, milliseconds; undefined: nothing waits.
 */
export async function nextEventInMs(pool: pg.Pool, tenant: string): Promise<number | undefined> {
  const found = await pool.query<{ ms: number | null }>(
    `select ceil(extract(epoch from greatest(min(w.at) - now(),
       case when count(*) > 0 then interval '0' end)) * 1000)::int as ms
     from (
       select coalesce(i.leased_until, now()) as at
       from inbox i join tenant t on t.ref = i.tenant
       left join campaign c on c.tenant = i.tenant and c.id = i.campaign
       where t.name = $1 and i.status = 'queued' and ${isOpen}
       union all
       -- One that is due is walked now: how it goes is looked at after a pause.
       select greatest(b.again_at, now() + $2 * interval '1 ms')
       from batch b join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
       where t.name = $1 and b.again_at > now() - $3 * interval '1 ms' and ${isUnfinished}) w`,
    [tenant, awardsPauseMs, awardsLagMs],
  );
  return found.rows[0]?.ms ?? undefined;
}

/** Locks those of these events that are still waiting: another round may have heard some. */
export async function lockWaiting(
  connection: Connection,
  ids: readonly number[],
): Promise<ReadonlySet<number>> {
  const found = await connection.query<{ id: string }>(
    `select id from inbox where id = any ($1) and status = 'queued' order by id for update`,
    [ids],
  );
  return new Set(found.rows.map(({ id }) => Number(id)));
}

/** The event is heard: what it gives, if anything, is in a pool by the same commit. */
export async function closeEvents(
  connection: Connection,
  closed: readonly { id: number; reason: string }[],
): Promise<void> {
  if (closed.length === 0) return;
  await connection.query(
    `update inbox i set status = 'started', reason = w.reason, reading = null,
       started_at = clock_timestamp(), leased_until = null
     from unnest($1::bigint[], $2::text[]) as w(id, reason) where i.id = w.id`,
    [closed.map(({ id }) => id), closed.map(({ reason }) => reason)],
  );
}

/** Events whose trigger is being decided at this moment are looked at again after `waitMs`. */
export async function postponeEvents(
  connection: pg.Pool | Connection,
  ids: readonly number[],
  waitMs: number,
): Promise<void> {
  await connection.query(
    `update inbox set leased_until = clock_timestamp() + $2 * interval '1 ms' where id = any ($1)`,
    [ids, waitMs],
  );
}

/**
 * What an event 11 is by the answer of its trigger: `fresh`: nobody asked before, so it gives;
 * `confirmed`: it was allowed, and gives nothing again; `denied`: it was told false; `repeat`: an event
 * of the same instance was heard; `undecided`: its check is being answered now.
 */
export interface Heard {
  verdict: 'fresh' | 'confirmed' | 'denied' | 'repeat' | 'undecided';
  instance: number;
}

/**
 * Judges events 11 of one campaign, each customer once, in the order given. Which triggers are
 * one instance is told by `repeats`, as for checks. A trigger that only event 11 told of is written as
 * answered false: whoever asks the gate about it afterwards has been sent the campaign already.
 */
export async function hearEvents(
  connection: Connection,
  campaign: number,
  events: readonly Waiting[],
  repeats: Pick<Arrival, 'windowMs' | 'isOnce'>,
): Promise<Heard[]> {
  const found = await connection.query<Heard>({
    name: 'hear_events',
    text: hearStatement,
    values: [
      campaign,
      events.map(({ executed }) => executed.customerId),
      events.map(({ receivedAt }) => receivedAt),
      repeats.windowMs,
      repeats.isOnce,
    ],
  });
  return found.rows;
}

const hearStatement = `
with asked as (
  select a.*, md5(a.customer)::uuid as hash, to_timestamp(a.at / 1000) as met_at
  from unnest($2::text[], $3::float8[]) with ordinality as a(customer, at, place)
), known as materialized (
  select a.*, l.instance, l.answer, l.executed_at, coalesce(l.instance is null
    or l.asked_at <= a.met_at - $4::float8 * interval '1 ms'
      and (not $5::boolean or ${isUndecided('l')}), false) as is_next
  from asked a
  left join lateral (
    select * from answer x where x.campaign = $1 and x.customer = a.hash
    order by x.instance desc limit 1) l on true
), fresh as (
  insert into answer as w (campaign, customer, instance, asked_at, due, answer, reason, answered_at,
    executed_at)
  select $1, hash, coalesce(instance + 1, 0), met_at, met_at, false, 'executed', clock_timestamp(),
    clock_timestamp()
  from known where is_next order by hash
  on conflict do nothing returning w.customer, w.instance
), confirmed as (
  update answer a set executed_at = clock_timestamp(), told = true from known k
  where a.campaign = $1 and a.customer = k.hash and a.instance = k.instance and not k.is_next
    and k.answer and a.executed_at is null
  returning a.customer
)
select case when f.instance is not null then 'fresh' when k.is_next then 'undecided'
    when n.customer is not null then 'confirmed' when k.executed_at is not null then 'repeat'
    when k.answer is null then 'undecided' when k.answer then 'repeat' else 'denied' end as verdict,
  coalesce(f.instance, k.instance, 0)::int as instance
from known k
left join fresh f on f.customer = k.hash
left join confirmed n on n.customer = k.hash
order by k.place`;

/** The tenants for which the grants story has anything to do. */
export async function tenantsWithGrants(pool: pg.Pool): Promise<string[]> {
  const found = await pool.query<{ name: string }>(
    `select t.name from tenant t where exists (select from inbox i
       left join campaign c on c.tenant = i.tenant and c.id = i.campaign
       where i.tenant = t.ref and i.status = 'queued' and ${isOpen})
     or exists (select from batch b join campaign c on c.ref = b.campaign
       where c.tenant = t.ref and ${isUnfinished})
     order by t.name`,
  );
  return found.rows.map(({ name }) => name);
}
