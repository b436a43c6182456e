import type pg from 'pg';
import type { Announcement } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import type { CampaignKind, Fence } from './campaigns.ts';
import { type Connection, lockCampaign, transaction } from './pool.ts';
import { onlyRow, tenantRef } from './tenants.ts';

// What stands for or against a campaign: its instants, its fence, its hold. Each is set under the
// campaign's lock, so that no effect that begins later misses it.

export type AnnouncementEffect = 'fresh' | 'repeated' | 'rescheduled' | 'unusable' | 'fenced';

/**
 * Records event 5, the ledger first: another deadline counts from this instant for every effect that
 * begins. A campaign that was deleted before it was announced stays fenced.
 */
export async function announce(
  pool: pg.Pool,
  id: CampaignId,
  announcement: Announcement,
): Promise<AnnouncementEffect> {
  const tenant = await tenantRef(pool, id.tenant);
  return transaction(pool, async (connection) => {
    const ref = await campaignRef(connection, tenant, id.campaignId);
    await lockCampaign(connection, ref);
    const known = onlyRow(
      await connection.query<{
        kind: CampaignKind;
        fence: Fence | null;
        announced: number | null;
        deadline: number | null;
      }>(
        `select kind, fence, round(extract(epoch from announced_at) * 1000)::float8 as announced,
           round(extract(epoch from deadline) * 1000)::float8 as deadline from campaign where ref = $1`,
        [ref],
      ),
    );
    if (known.fence === 'deleted') return 'fenced';
    // Checks were asked of it: it has no audience to be collected, and its run ends as unusable.
    if (known.kind === 'triggered') return 'unusable';
    if (known.announced !== null && known.announced > announcement.announcedAt) return 'repeated';
    const { instants, problem } = announcement;
    await connection.query(
      `update campaign set announced_at = to_timestamp($2::float8 / 1000), duration_days = $3,
         problem = $4, deadline = to_timestamp($5::float8 / 1000), stop = to_timestamp($6::float8 / 1000),
         last_report = to_timestamp($7::float8 / 1000)
       where ref = $1`,
      [
        ref,
        announcement.announcedAt,
        announcement.durationDays ?? null,
        problem ?? null,
        instants?.deadline ?? null,
        instants?.stop ?? null,
        instants?.lastReport ?? null,
      ],
    );
    if (!instants) return 'unusable';
    if (known.deadline === null) return 'fresh';
    return known.deadline === instants.deadline ? 'repeated' : 'rescheduled';
  });
}

async function campaignRef(connection: Connection, tenant: number, id: string): Promise<number> {
  await connection.query(
    'insert into campaign (tenant, id) values ($1, $2) on conflict do nothing',
    [tenant, id],
  );
  const found = await connection.query<{ ref: number }>(
    'select ref from campaign where tenant = $1 and id = $2',
    [tenant, id],
  );
  return onlyRow(found).ref;
}

/** Sets the campaign's fence and waits for nobody: who begins later than this finds it. True if it was set now. */
export async function fenceCampaign(pool: pg.Pool, id: CampaignId, fence: Fence): Promise<boolean> {
  const tenant = await tenantRef(pool, id.tenant);
  return transaction(pool, async (connection) => {
    const ref = await campaignRef(connection, tenant, id.campaignId);
    await lockCampaign(connection, ref);
    // Deleted is the stronger of the two and replaces an operator's fence.
    const fenced = await connection.query(
      `update campaign set fence = $2, fenced_at = clock_timestamp()
       where ref = $1 and (fence is null or fence = 'operator' and $2 = 'deleted')`,
      [ref, fence],
    );
    return fenced.rowCount === 1;
  });
}

/**
 * A guard holds a campaign for a person; one that a guard holds already stays as it is. It takes the
 * place of an operator's hold, whose release would otherwise let go what only an approver may. True
 * when it was held now.
 */
export async function holdCampaign(pool: pg.Pool, ref: number, reason: string): Promise<boolean> {
  return transaction(pool, async (connection) => {
    await lockCampaign(connection, ref);
    const held = await connection.query(
      `update campaign set held = jsonb_build_object('at', clock_timestamp(), 'reason',
         $2::text || coalesce('; also held by ' || (held ->> 'by') || ': ' || (held ->> 'reason'), ''))
       where ref = $1 and (held is null or held ? 'by')`,
      [ref, reason],
    );
    return held.rowCount === 1;
  });
}
