import type pg from 'pg';
import { redemptions, states } from '../domain/assignment.ts';
import type { Reward } from '../domain/words.ts';
import { type Connection, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

/**
 * Redemptions give way to a campaign that is on its way to its deadline, but no longer than this: they
 * share the far side's allowance with it. So they do to the taking back of their own campaign, whose hold on a
 * batch they would end.
 */
const giveWayMs = 120_000;

/** Redemptions of this batch are queued: settlement will find it, not before `everyMs` from now. */
export async function markRedemptionsDue(
  pool: pg.Pool | Connection,
  batch: { campaign: number; number: number },
  everyMs: number,
): Promise<void> {
  await pool.query({
    name: 'mark_redemptions_due',
    text: `update batch set redemptions_queued_at = coalesce(redemptions_queued_at, clock_timestamp()),
       redemptions_due_at = coalesce(redemptions_due_at, clock_timestamp() + $3 * interval '1 ms')
     where campaign = $1 and number = $2`,
    values: [batch.campaign, batch.number, everyMs],
  });
}

/**
 * When the redemptions of a batch were queued, epoch milliseconds: the instant that each is told with,
 * in whichever call, so that the same redemptionId always says the same.
 */
export async function redemptionsQueuedAt(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
): Promise<number> {
  const found = await pool.query<{ at: number }>(
    `select round(extract(epoch from coalesce(redemptions_queued_at, clock_timestamp())) * 1000)::float8 as at
     from batch where campaign = $1 and number = $2`,
    [batch.campaign, batch.number],
  );
  return onlyRow(found).at;
}

/**
 * The queued redemptions were told; those queued meanwhile keep the batch due. The lock comes first, so that
 * the question sees what somebody was just queueing.
 */
export async function clearRedemptionsDue(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
): Promise<void> {
  await transaction(pool, async (connection) => {
    await connection.query(
      'select from batch where campaign = $1 and number = $2 for no key update',
      [batch.campaign, batch.number],
    );
    await connection.query(
      `update batch b set redemptions_queued_at = null, redemptions_due_at = null
       from campaign c
       where b.campaign = $1 and b.number = $2 and c.ref = b.campaign and not exists (
         select from fact f where f.campaign = b.campaign and f.batch = b.number and f.redemption = $3
           and (f.state = $4 or f.state = $5 and c.fence is null))`,
      [
        ...[batch.campaign, batch.number, redemptions.indexOf('queued')],
        ...[states.indexOf('used'), states.indexOf('allocated')],
      ],
    );
  });
}

/** In which words the platform told what was used. */
export interface Told {
  usedAt: number;
  redemptionId: string | undefined;
  rewards: Reward[] | undefined;
  code: string | undefined;
}

/**
 * By batch and position the redemptions that were queued because their reward was used: they are told in the
 * words of the platform. Written once and for all, so that whatever is told of them is always the same.
 */
export async function toldUses(
  pool: pg.Pool,
  campaign: number,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, ReadonlyMap<number, Told>>> {
  const found = await pool.query<ToldRow>(
    `select batch, position, round(extract(epoch from used_at) * 1000)::float8 as "usedAt",
       redemption_id as "redemptionId", rewards, code
     from use where campaign = $1 and batch = any ($2) and queued`,
    [campaign, numbers],
  );
  const told = new Map<number, Map<number, Told>>();
  for (const { batch, position, usedAt, redemptionId, rewards, code } of found.rows) {
    const ofBatch = told.get(batch) ?? new Map<number, Told>();
    told.set(batch, ofBatch);
    ofBatch.set(position, {
      usedAt,
      redemptionId: redemptionId ?? undefined,
      rewards: rewards ?? undefined,
      code: code ?? undefined,
    });
  }
  return told;
}

interface ToldRow {
  batch: number;
  position: number;
  usedAt: number;
  redemptionId: string | null;
  rewards: Reward[] | null;
  code: string | null;
}

/** When the redemptions of these batches of a campaign were queued, by number; epoch milliseconds. */
export async function redemptionsQueuedAtAll(
  pool: pg.Pool,
  campaign: number,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const found = await pool.query<{ number: number; at: number }>(
    `select number, round(extract(epoch from coalesce(redemptions_queued_at, clock_timestamp()))
       * 1000)::float8 as at
     from batch where campaign = $1 and number = any ($2)`,
    [campaign, numbers],
  );
  return new Map(found.rows.map(({ number, at }) => [number, at]));
}

/** A batch of a tenant's campaigns that may be redeemed after `waitMs`; 0: now. */
export interface DueBatch {
  campaign: number;
  number: number;
  waitMs: number;
  /** Assignments of a pool, several of which share a call; null: the batch is large enough by itself. */
  pooled: number | null;
}

/** Whether a batch (b) of a campaign (c) has redemptions to be told: of a fenced one only of what was used. */
export const hasRedemptionsDue = `b.redemptions_due_at is not null and (c.fence is null
  or exists (select from use u where u.campaign = b.campaign and u.batch = b.number))`;

/** The batches whose redemptions are queued, the soonest first. */
export async function queuedBatches(pool: pg.Pool, tenant: string): Promise<DueBatch[]> {
  const found = await pool.query<DueBatch>(
    `with busy as (
       select count(*) > 0 as yes from campaign c join tenant t on t.ref = c.tenant
       where t.name = $1 and c.kind = 'scheduled' and c.phase in ('collecting', 'running') and c.fence is null
         and c.held is null and c.stop > clock_timestamp())
     select b.campaign, b.number, ceil(greatest(0, extract(epoch from
       case when busy.yes or c.fence is not null and c.phase <> 'closed' then greatest(b.redemptions_due_at,
         b.redemptions_queued_at + $2 * interval '1 ms') else b.redemptions_due_at end
       - clock_timestamp())) * 1000)::int as "waitMs",
       case when c.kind = 'triggered' or b.claimed_until is not null then b.size end as pooled
     from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     cross join busy
     where t.name = $1 and ${hasRedemptionsDue} and t.halted is null
     order by 3, c.deadline, b.campaign, b.number`,
    [tenant, giveWayMs],
  );
  return found.rows;
}
