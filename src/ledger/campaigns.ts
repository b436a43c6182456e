import type pg from 'pg';
import type { Acting } from '../domain/act.ts';
import {
  beginsExecuted,
  type CampaignDetails,
  type Instants,
  type Plan,
} from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import { writeAudit } from './audit.ts';
import { type Connection, lockCampaign, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

/** `executed`: Optimove has sent it, and what follows on that is under way. */
export type Phase = 'announced' | 'collecting' | 'running' | 'executed' | 'closed';
export type Fence = 'deleted' | 'operator';
/** A triggered campaign is made at its first check, and has neither instants nor a run. */
export type CampaignKind = 'scheduled' | 'triggered';

/** A campaign as the ledger knows it; instants in epoch milliseconds. */
export interface CampaignRow {
  ref: number;
  tenant: string;
  campaignId: string;
  kind: CampaignKind;
  epoch: number;
  phase: Phase;
  problem: string | undefined;
  instants: Instants | undefined;
  durationDays: number | undefined;
  plan: Plan | undefined;
  details: CampaignDetails | undefined;
  expiresAt: number | undefined;
  fence: Fence | undefined;
  /** A hold without a name is a guard's. */
  held: { reason: string; by?: string } | undefined;
  tenantHeld: boolean;
  halted: boolean;
  pass: number;
  collected: boolean;
  summary: Summary | undefined;
}

/** What a run ended with, counts in assignments unless they say customers. */
export interface Summary {
  reason: string;
  audience: number;
  states: Record<string, number>;
  approvedCustomers: number;
  deniedCustomers: number;
  unknownCustomers: number;
  /** Somebody else told Optimove of them, or Optimove decided by itself. */
  delegatedCustomers: number;
}

const columns = `
  c.ref, t.name as tenant, c.id as "campaignId", c.kind, c.epoch, c.phase, c.problem,
  case when c.deadline is not null then jsonb_build_object(
    'deadline', round(extract(epoch from c.deadline) * 1000),
    'stop', round(extract(epoch from c.stop) * 1000),
    'lastReport', round(extract(epoch from c.last_report) * 1000)) end as instants,
  c.duration_days as "durationDays", c.plan, c.details,
  round(extract(epoch from c.expires_at) * 1000)::float8 as "expiresAt",
  c.fence, c.held, t.held is not null as "tenantHeld", t.halted is not null as halted,
  c.pass, c.collected_at is not null as collected, c.summary`;

type Nullable<T> = {
  [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K];
};

function toCampaign(row: Nullable<CampaignRow>): CampaignRow {
  return {
    ...row,
    problem: row.problem ?? undefined,
    instants: row.instants ?? undefined,
    durationDays: row.durationDays ?? undefined,
    plan: row.plan ?? undefined,
    details: row.details ?? undefined,
    expiresAt: row.expiresAt ?? undefined,
    fence: row.fence ?? undefined,
    held: row.held ?? undefined,
    summary: row.summary ?? undefined,
  };
}

/** What has no deadline gives way for so long to what has one, and goes before what nobody waits for. */
const patienceMs = 3_600_000;

/**
 * By when a campaign's bulk calls should be done, epoch milliseconds: of all that share a far side's limit the
 * earliest goes first. Once its run is over only taking back is urgent.
 */
export function urgencyOf({ kind, fence, phase, instants }: CampaignRow): number {
  const isOver = phase === 'closed' || phase === 'executed';
  if (kind === 'scheduled' && isOver && !fence) return Date.now() + patienceMs;
  return instants?.deadline ?? Date.now();
}

/** Finds a campaign by the name both sides use. */
export async function findCampaign(
  pool: pg.Pool | Connection,
  id: CampaignId,
): Promise<CampaignRow | undefined> {
  const found = await pool.query<Nullable<CampaignRow>>(
    `select ${columns} from campaign c join tenant t on t.ref = c.tenant
     where t.name = $1 and c.id = $2`,
    [id.tenant, id.campaignId],
  );
  return found.rows[0] && toCampaign(found.rows[0]);
}

/** Finds a campaign by the ledger's own number. */
export async function campaignOf(pool: pg.Pool, ref: number): Promise<CampaignRow> {
  const found = await pool.query<Nullable<CampaignRow>>({
    name: 'read_campaign',
    text: `select ${columns} from campaign c join tenant t on t.ref = c.tenant where c.ref = $1`,
    values: [ref],
  });
  return toCampaign(onlyRow(found));
}

/** How a run begins: with a new epoch, where an earlier run of the same epoch stopped, or not at all. */
export type Opening = 'fresh' | 'resumed' | 'reopened' | 'closed' | 'fenced' | 'unusable' | 'late';

/**
 * Opens a campaign for a run. The ledger, not the run's id, decides about repeats: one epoch however
 * often event 5 comes. A closed campaign is opened again over what is not final, when its deadline has
 * been moved into the future, or when an operator retries it. The plan is written once an epoch.
 */
export async function openCampaign(
  pool: pg.Pool,
  id: CampaignId,
  plan: Plan,
  retry?: Acting,
): Promise<Opening> {
  const campaign = await findCampaign(pool, id);
  if (!campaign) throw new Error(`Campaign ${id.campaignId} of ${id.tenant} was never announced`);
  return transaction(pool, async (connection) => {
    await lockCampaign(connection, campaign.ref);
    const row = onlyRow(
      await connection.query<{
        tenant: number;
        phase: Phase;
        fence: Fence | null;
        instants: boolean;
        late: boolean;
        epoch: number;
        plan: Plan | null;
        reopenable: boolean;
      }>(
        `select tenant, phase, fence, epoch, plan, deadline is not null as instants,
           stop <= clock_timestamp() as late,
           deadline > coalesce(to_timestamp((summary ->> 'deadline')::float8 / 1000), '-infinity') as reopenable
         from campaign where ref = $1`,
        [campaign.ref],
      ),
    );
    if (row.fence) return 'fenced';
    if (!row.instants) return 'unusable';
    // Its summary stands: event 5 that comes again after the end changes nothing.
    if (row.phase === 'executed' || (row.plan && beginsExecuted(row.plan))) return 'closed';
    if (row.phase === 'closed' && (row.late || !(row.reopenable || retry))) return 'closed';
    if (row.late) return 'late';
    if (retry) {
      const { campaignId } = id;
      await writeAudit(connection, {
        ...retry,
        ...{ tenant: row.tenant, campaignId, act: 'campaign retry' },
      });
    }
    if (row.phase === 'collecting' || row.phase === 'running') return 'resumed';
    await connection.query(
      `update campaign set phase = case when collected_at is null then 'collecting' else 'running' end,
         epoch = epoch + 1, plan = $2, opened_at = clock_timestamp(), closed_at = null, summary = null
       where ref = $1`,
      [campaign.ref, JSON.stringify(row.plan ?? plan)],
    );
    return row.phase === 'closed' ? 'reopened' : 'fresh';
  });
}

export async function saveDetails(
  pool: pg.Pool,
  ref: number,
  details: CampaignDetails,
): Promise<void> {
  await pool.query('update campaign set details = $2 where ref = $1', [
    ref,
    JSON.stringify(details),
  ]);
}

/** The audience has been cut: what follows are passes over its batches. */
export async function startRunning(pool: pg.Pool, ref: number): Promise<void> {
  await pool.query(
    `update campaign set phase = 'running', collected_at = coalesce(collected_at, clock_timestamp())
     where ref = $1 and phase = 'collecting'`,
    [ref],
  );
}

/** Begins the next pass over the batches that are not finished. Returns its number. */
export async function startPass(pool: pg.Pool, ref: number): Promise<number> {
  return transaction(pool, async (connection) => {
    const begun = await connection.query<{ pass: number }>(
      'update campaign set pass = pass + 1 where ref = $1 returning pass',
      [ref],
    );
    await connection.query(
      'update batch set to_validate = null where campaign = $1 and not finished',
      [ref],
    );
    return onlyRow(begun).pass;
  });
}

/** Fixes when rewards of this campaign end; what was fixed first stays. Returns epoch milliseconds. */
export async function fixExpiry(pool: pg.Pool, ref: number, expiresAt: number): Promise<number> {
  const fixed = await pool.query<{ at: number }>({
    name: 'fix_expiry',
    text: `update campaign set expires_at = coalesce(expires_at, to_timestamp($2::float8 / 1000))
     where ref = $1 returning round(extract(epoch from expires_at) * 1000)::float8 as at`,
    values: [ref, expiresAt],
  });
  return onlyRow(fixed).at;
}

/** What the summary of a fenced campaign says once its cancellation has come to its end. */
export const endOf: Record<Fence, string> = { deleted: 'deleted', operator: 'canceled' };

/**
 * Closes a campaign with its summary, which remembers the deadline it was run for. A fenced campaign is
 * closed by its cancellation alone: a run that was just ending must not have the last word.
 */
export async function closeCampaign(pool: pg.Pool, ref: number, summary: Summary): Promise<void> {
  await pool.query(
    `update campaign set phase = 'closed', closed_at = clock_timestamp(),
       summary = $2::jsonb || jsonb_build_object('deadline', round(extract(epoch from deadline) * 1000))
     where ref = $1 and (fence is null or $2::jsonb ->> 'reason' = $3::jsonb ->> fence)`,
    [ref, JSON.stringify(summary), JSON.stringify(endOf)],
  );
}
