import type pg from 'pg';
import { redemptions, states } from '../domain/assignment.ts';

/** Redemptions of this batch are queued: settlement will find it. */
export async function markRedemptionsDue(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
): Promise<void> {
  await pool.query('update batch set redemptions_due = true where campaign = $1 and number = $2', [
    batch.campaign,
    batch.number,
  ]);
}

/** The queued redemptions were told; those queued meanwhile keep the batch due. */
export async function clearRedemptionsDue(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
): Promise<void> {
  await pool.query(
    `update batch b set redemptions_due = exists (
       select from fact f where f.campaign = b.campaign and f.batch = b.number
         and f.state = $3 and f.redemption = $4)
     where b.campaign = $1 and b.number = $2`,
    [batch.campaign, batch.number, states.indexOf('allocated'), redemptions.indexOf('queued')],
  );
}

/** The batches of a tenant's campaigns whose redemptions are queued, and may be told. */
export async function redemptionsDue(
  pool: pg.Pool,
  tenant: string,
): Promise<{ campaign: number; number: number }[]> {
  const found = await pool.query<{ campaign: number; number: number }>(
    `select b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and b.redemptions_due and c.fence is null and t.halted is null
     order by c.deadline, b.campaign, b.number`,
    [tenant],
  );
  return found.rows;
}
