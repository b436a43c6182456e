import type pg from 'pg';
import { clearances, states } from '../domain/assignment.ts';
import type { Summary } from './campaigns.ts';
import { onlyRow } from './tenants.ts';

/** Counts a campaign's assignments by state, and its customers by what Optimove was told of them. */
export async function countCampaign(
  pool: pg.Pool,
  ref: number,
): Promise<Omit<Summary, 'reason'> & { redemptions: Record<string, number> }> {
  const counted = await pool.query<{
    state: string;
    clearance: string;
    redemption: string;
    members: number;
    customers: number;
  }>(
    `select state_name(state) as state, clearance_name(clearance) as clearance,
       redemption_name(redemption) as redemption, members, customers
     from (
       select state, clearance, redemption, count(*)::int as members,
         (count(*) filter (where leads))::int as customers
       from fact where campaign = $1 and state <> $2 group by 1, 2, 3) counted`,
    [ref, moved],
  );
  const states: Record<string, number> = {};
  const redemptions: Record<string, number> = {};
  const told: Record<string, number> = {};
  let audience = 0;
  for (const { state, clearance, redemption, members, customers } of counted.rows) {
    states[state] = (states[state] ?? 0) + members;
    redemptions[redemption] = (redemptions[redemption] ?? 0) + members;
    told[clearance] = (told[clearance] ?? 0) + customers;
    audience += customers;
  }
  return {
    audience,
    states,
    approvedCustomers: told['approved'] ?? 0,
    deniedCustomers: told['denied'] ?? 0,
    unknownCustomers: told['unknown'] ?? 0,
    delegatedCustomers: told['delegated'] ?? 0,
    redemptions,
  };
}

/** The place of an assignment that has moved is counted where it lives now. */
const moved = states.indexOf('moved');

const told = [clearances.indexOf('approved'), clearances.indexOf('unknown')];

/**
 * Customers of whom Optimove was told true and, as far as we know, nothing else since; also by the publisher, or
 * by itself.
 */
export async function countTold(pool: pg.Pool, ref: number): Promise<number> {
  const counted = await pool.query<{ customers: number }>(
    `select count(*)::int as customers from fact
     where campaign = $1 and leads and clearance = any ($2) and state <> $3`,
    [ref, [...told, clearances.indexOf('delegated')], moved],
  );
  return onlyRow(counted).customers;
}

/** Numbers of the batches with customers whom we have told Optimove true of. */
export async function toldBatches(pool: pg.Pool, ref: number): Promise<number[]> {
  const found = await pool.query<{ number: number }>(
    `select number from batch b where campaign = $1 and exists (
       select from fact f where f.campaign = b.campaign and f.batch = b.number
         and f.clearance = any ($2)) order by number`,
    [ref, told],
  );
  return found.rows.map((row) => row.number);
}

/**
 * When the campaign's first webhook reached us, event 5 or else 13, and when the last report was answered, or
 * else the last call that decides or gives; epoch milliseconds, 0 for never.
 */
export async function timesOf(
  pool: pg.Pool,
  ref: number,
): Promise<{ receivedAt: number; lastReportAt: number }> {
  const found = await pool.query<{ receivedAt: number; lastReportAt: number }>(
    `select
       coalesce((select extract(epoch from i.received_at) * 1000 from inbox i
         where i.tenant = c.tenant and i.campaign = c.id and i.type in (1, 5, 13)
         order by i.type <> 5, i.received_at limit 1), 0)::float8 as "receivedAt",
       coalesce((select extract(epoch from e.answered) * 1000 from effect e
         where e.campaign = c.ref and e.kind in ('approve', 'publish', 'allocate') and e.answered is not null
         order by e.kind <> 'approve', e.answered desc limit 1), 0)::float8 as "lastReportAt"
     from campaign c where c.ref = $1`,
    [ref],
  );
  return onlyRow(found);
}
