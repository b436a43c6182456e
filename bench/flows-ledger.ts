import type { EffectKind } from '../src/domain/effect.ts';
import type { CampaignId } from '../src/domain/words.ts';
import type { Pool } from '../src/ledger/pool.ts';

// What the ledger says of a campaign while it is measured; instants in epoch milliseconds by its own clock.

/** When the first webhook of this type came. */
export async function eventAt(pool: Pool, id: CampaignId, type: number): Promise<number> {
  const { rows } = await pool.query<{ at: number | null }>(
    `select extract(epoch from min(i.received_at))::float8 * 1000 as at
     from inbox i join tenant t on t.ref = i.tenant
     where t.name = $1 and i.campaign = $2 and i.type = $3`,
    [id.tenant, id.campaignId, type],
  );
  return rows[0]?.at ?? Number.NaN;
}

/** When the audience had been cut. */
export async function collectedAt(pool: Pool, id: CampaignId): Promise<number> {
  const { rows } = await pool.query<{ at: number | null }>(
    `select extract(epoch from c.collected_at)::float8 * 1000 as at
     from campaign c join tenant t on t.ref = c.tenant where t.name = $1 and c.id = $2`,
    [id.tenant, id.campaignId],
  );
  return rows[0]?.at ?? Number.NaN;
}

/** When the last effect of this kind was answered. */
export async function lastAnswerAt(pool: Pool, id: CampaignId, kind: EffectKind): Promise<number> {
  const { rows } = await pool.query<{ at: number | null }>(
    `select extract(epoch from max(e.answered))::float8 * 1000 as at
     from effect e join campaign c on c.ref = e.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2 and e.kind = $3`,
    [id.tenant, id.campaignId, kind],
  );
  return rows[0]?.at ?? Number.NaN;
}

/** Assignments of which allocations were answered so far. */
export async function countAllocated(pool: Pool, id: CampaignId): Promise<number> {
  const { rows } = await pool.query<{ members: number }>(
    `select coalesce(sum(upper(r) - lower(r)), 0)::int as members
     from effect e join campaign c on c.ref = e.campaign join tenant t on t.ref = c.tenant
     cross join lateral unnest(e.members) r
     where t.name = $1 and c.id = $2 and e.kind = 'allocate' and e.outcome = 'done'`,
    [id.tenant, id.campaignId],
  );
  return rows[0]?.members ?? 0;
}

/** How a campaign ended; undefined while it has not. */
export async function endOf(pool: Pool, id: CampaignId): Promise<string | undefined> {
  const { rows } = await pool.query<{ reason: string }>(
    `select c.summary ->> 'reason' as reason from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2 and c.phase = 'closed'`,
    [id.tenant, id.campaignId],
  );
  return rows[0]?.reason;
}

/** Whether all that follows on the sending has come to its end. Throws where it did not give. */
export async function isGiven(pool: Pool, id: CampaignId): Promise<boolean> {
  const { rows } = await pool.query<{ outcome: string | null; isClosed: boolean }>(
    `select f.outcome, f.closed_at is not null and c.phase = 'closed' as "isClosed"
     from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2`,
    [id.tenant, id.campaignId],
  );
  for (const { outcome, isClosed } of rows) {
    if (!isClosed) return false;
    if (outcome !== 'given') throw new Error(`Campaign ${id.campaignId} ended ${outcome}`);
  }
  return rows.length > 0;
}

/** When what follows on the sending ends. */
export async function endsAtOf(pool: Pool, id: CampaignId): Promise<number> {
  const { rows } = await pool.query<{ at: number | null }>(
    `select extract(epoch from max(f.ends_at))::float8 * 1000 as at
     from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2`,
    [id.tenant, id.campaignId],
  );
  return rows[0]?.at ?? Number.NaN;
}

/** Whether the expiry is done with every batch of a campaign. */
export async function hasAllEnded(pool: Pool, id: CampaignId): Promise<boolean> {
  const { rows } = await pool.query<{ hasAllEnded: boolean | null }>(
    `select bool_and(b.ended) as "hasAllEnded"
     from batch b join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2`,
    [id.tenant, id.campaignId],
  );
  return rows[0]?.hasAllEnded === true;
}

export async function rowsOfChange(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('select count(*)::int as count from change');
  return rows[0]?.count ?? Number.NaN;
}

/** How many runs sleep until their lead time is over. */
export async function countAsleep(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from fulfilment
     where closed_at is null and wakes_at > clock_timestamp()`,
  );
  return rows[0]?.count ?? Number.NaN;
}
