import type pg from 'pg';
import { isUnconfirmed } from './debts.ts';
import type { Connection } from './pool.ts';
import { onlyRow } from './tenants.ts';
import type { Debt } from './unsettled.ts';

// What is left of claims when their gateway has done its part: pools to bring to their end, and customers
// to be confirmed to Optimove.

/** Its gateway has done what it could: settlement brings it to its end from now on. */
export async function handOverClaims(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<void> {
  await pool.query({
    name: 'hand_over_claims',
    text: `update batch set claimed_until = least(claimed_until, clock_timestamp())
      where campaign = $1 and number = $2`,
    values: [campaign, number],
  });
}

/**
 * Confirmations are told this long after a pool has ended, with all that end meanwhile: it leaves most of the
 * 30 s that they may take to the turn and to a repeat.
 */
const confirmAfterMs = 5_000;

/** What follows on claims that have come to their end. */
export interface ClaimsEnding {
  /** Optimove is told who has claimed. */
  confirms: boolean;
  /** Redemptions are queued, to be told not before so many milliseconds from now; undefined: none are. */
  redeemInMs: number | undefined;
}

/** Every claim of the pool has its end; from now on settlement owes what follows. */
export async function finishClaims(
  connection: pg.Pool | Connection,
  batch: { campaign: number; number: number },
  { confirms, redeemInMs }: ClaimsEnding,
): Promise<void> {
  await connection.query({
    name: 'finish_claims',
    text: `update batch set finished = true, claimed_until = least(claimed_until, clock_timestamp()),
        confirm_at = case when $3 then clock_timestamp() + $4 * interval '1 ms' end,
        redemptions_queued_at = coalesce(redemptions_queued_at,
          case when $5::float8 is not null then clock_timestamp() end),
        redemptions_due_at = coalesce(redemptions_due_at, clock_timestamp() + $5 * interval '1 ms')
      where campaign = $1 and number = $2 and not finished`,
    values: [batch.campaign, batch.number, confirms, confirmAfterMs, redeemInMs ?? null],
  });
}

/** What of a batch is a claim's: claims to bring to their end, or somebody to confirm. */
export type ClaimDebt = 'unfinished' | 'unconfirmed' | undefined;

export async function claimDebtOf(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<ClaimDebt> {
  const found = await pool.query<{ debt: 'unfinished' | 'unconfirmed' | null }>(
    `select case when claimed_until is null then null
       when not finished and due > clock_timestamp() then 'unfinished'
       when confirm_at is not null then 'unconfirmed' end as debt
     from batch where campaign = $1 and number = $2`,
    [campaign, number],
  );
  return onlyRow(found).debt ?? undefined;
}

/**
 * Pools whose claims nobody has brought to their end in time, and of each campaign the pool whose
 * customers have waited longest for their confirmation. None of a campaign that is fenced.
 */
export async function claimDebts(pool: pg.Pool, tenant: string): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and t.halted is null and b.claimed_until < clock_timestamp()
       and not b.finished and c.fence is null
     union all
     (select distinct on (b.campaign) b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and t.halted is null and ${isUnconfirmed} and c.fence is null
     order by b.campaign, b.confirm_at, b.number)`,
    [tenant],
  );
  return found.rows;
}

/** For how long to wait for the next of them, milliseconds; undefined where none is coming. */
export async function nextClaimDebtMs(pool: pg.Pool, tenant: string): Promise<number | undefined> {
  const found = await pool.query<{ ms: number | null }>(
    // `greatest` leaves out what is null: of none at all it would say 0.
    `select case when min(x.at) is not null then
       ceil(greatest(0, extract(epoch from min(x.at) - clock_timestamp())) * 1000)::int end as ms
     from (select b.confirm_at as at, c.fence, c.tenant from batch b join campaign c on c.ref = b.campaign
         where b.confirm_at is not null and b.confirm_at > clock_timestamp()
       union all
       select b.claimed_until, c.fence, c.tenant from batch b join campaign c on c.ref = b.campaign
         where b.claimed_until > clock_timestamp() and not b.finished) x
     join tenant t on t.ref = x.tenant where t.name = $1 and x.fence is null`,
    [tenant],
  );
  return onlyRow(found).ms ?? undefined;
}

/**
 * Numbers of the pools of a campaign whose customers are to be confirmed, `first` before all others, as
 * many as hold no more than so many assignments. Also those that need not be told yet: with them, no more
 * than one call in five seconds is made while claims go on.
 */
export async function unconfirmedPools(
  pool: pg.Pool,
  campaign: number,
  first: number,
  most: number,
): Promise<number[]> {
  const found = await pool.query<{ number: number }>(
    `select number from (
       select number, sum(size) over (order by number <> $2, confirm_at, number) as total
       from batch where campaign = $1 and confirm_at is not null) b
     where total <= $3 or number = $2`,
    [campaign, first, most],
  );
  return found.rows.map((row) => row.number);
}

/** What was confirmed under a pool is no debt any more; nor is the pool, where there was nobody. */
export async function clearConfirmed(
  pool: pg.Pool,
  campaign: number,
  number: number,
  isNobody: boolean,
): Promise<void> {
  await pool.query(
    `update batch b set confirm_at = null
     where b.campaign = $1 and b.confirm_at is not null and (
       $3 and b.number = $2
       or b.number in (select k::int from effect e cross join lateral jsonb_object_keys(e.kept -> 'pools') k
         where e.campaign = $1 and e.batch = $2 and e.kind = 'confirm' and e.outcome = 'done'))`,
    [campaign, number, isNobody],
  );
}
