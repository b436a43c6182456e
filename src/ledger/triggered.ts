import type pg from 'pg';
import type { Plan } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import { type CampaignRow, findCampaign } from './campaigns.ts';
import { onlyRow, tenantRef } from './tenants.ts';

/** A triggered campaign, with the place of each of its codes. */
export interface TriggeredCampaign {
  row: CampaignRow;
  codes: ReadonlyMap<string, number>;
}

/**
 * Finds a triggered campaign, or makes it at its first check; concurrently it is made once. Codes that it
 * has not seen get their place, for ever. A campaign that event 5 announced, or event 4 deleted before
 * any check, stays what it is.
 */
export async function openTriggered(
  pool: pg.Pool,
  id: CampaignId,
  plan: Plan,
  codes: readonly string[],
): Promise<TriggeredCampaign> {
  await pool.query(
    `insert into campaign (tenant, id, kind, phase, epoch, plan, codes, opened_at, collected_at)
     values ($1, $2, 'triggered', 'running', 1, $3, $4, clock_timestamp(), clock_timestamp())
     on conflict (tenant, id) do nothing`,
    [await tenantRef(pool, id.tenant), id.campaignId, JSON.stringify(plan), codes],
  );
  const row = await findCampaign(pool, id);
  if (!row) throw new Error(`Campaign ${id.campaignId} of ${id.tenant} was not made`);
  return {
    row,
    codes: row.kind === 'triggered' ? await placeCodes(pool, row.ref, codes) : new Map(),
  };
}

async function placeCodes(
  pool: pg.Pool,
  ref: number,
  codes: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  await pool.query(
    `update campaign set codes = codes || array(
       select distinct code from unnest($2::text[]) code where code <> all (codes))
     where ref = $1 and not codes @> $2`,
    [ref, codes],
  );
  const found = await pool.query<{ codes: string[] }>('select codes from campaign where ref = $1', [
    ref,
  ]);
  return new Map(onlyRow(found).codes.map((code, index) => [code, index + 1]));
}
