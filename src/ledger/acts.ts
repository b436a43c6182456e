import type pg from 'pg';
import type { Acting, Cancelling, Refusal, Releasing } from '../domain/act.ts';
import type { CampaignId } from '../domain/words.ts';
import { isAudited, writeAudit } from './audit.ts';
import type { CampaignKind, Fence, Phase } from './campaigns.ts';
import { countTold } from './counts.ts';
import { type Connection, lockCampaign, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

// What operators do to campaigns. Whether it is too late is decided here, under the lock
// that every effect takes before it begins; each act is audited in its own transaction. A request that
// comes again after it was done is answered as the first time.

/** How a campaign stands, read under its lock. */
interface Stand {
  ref: number;
  tenant: number;
  kind: CampaignKind;
  phase: Phase;
  fence: Fence | null;
  held: { reason: string; by?: string } | null;
  stop: number | null;
  isStopped: boolean;
  lastReport: number | null;
  isReported: boolean;
}

/** Decides under the campaign's lock; a decision that is no refusal has written what it did. */
async function decide(
  pool: pg.Pool,
  id: CampaignId,
  request: string,
  decision: (connection: Connection, stand: Stand) => Promise<Refusal | undefined>,
): Promise<Refusal | undefined> {
  const found = await pool.query<{ ref: number }>(
    'select c.ref from campaign c join tenant t on t.ref = c.tenant where t.name = $1 and c.id = $2',
    [id.tenant, id.campaignId],
  );
  const ref = found.rows[0]?.ref;
  if (ref === undefined) return { why: 'unknown' };
  return transaction(pool, async (connection) => {
    await lockCampaign(connection, ref);
    if (await isAudited(connection, request)) return undefined;
    return decision(connection, await readStand(connection, ref));
  });
}

async function readStand(connection: Connection, ref: number): Promise<Stand> {
  const found = await connection.query<Stand>(
    `select ref, tenant, kind, phase, fence, held, round(extract(epoch from stop) * 1000)::float8 as stop,
       coalesce(stop <= clock_timestamp(), false) as "isStopped",
       round(extract(epoch from coalesce(last_report, opened_at)) * 1000)::float8 as "lastReport",
       -- What begins with event 13 was told by Optimove before anything is given.
       coalesce(plan ->> 'flow' in ('automatic', 'executions'), false)
         or coalesce(last_report <= clock_timestamp(), false) as "isReported"
     from campaign where ref = $1`,
    [ref],
  );
  return onlyRow(found);
}

function fenced({ fence }: Stand): Refusal | undefined {
  if (!fence) return undefined;
  return { why: fence === 'deleted' ? 'deleted' : 'canceled' };
}

/** Why nothing of a campaign can begin any more, whatever is done about it. */
function over(stand: Stand): Refusal | undefined {
  const refused = fenced(stand);
  if (refused) return refused;
  // What has no instants goes on until it is deleted, or has given all.
  if (stand.kind === 'triggered' || stand.phase === 'executed') return undefined;
  if (stand.stop === null) return { why: stand.phase === 'closed' ? 'closed' : 'unusable' };
  return stand.isStopped ? { why: 'stopped', since: stand.stop } : undefined;
}

/** An operator holds a campaign: from its answer on nothing new is given or approved. */
export function holdByOperator(
  pool: pg.Pool,
  id: CampaignId,
  acting: Acting,
): Promise<Refusal | undefined> {
  return decide(pool, id, acting.request, async (connection, stand) => {
    const refused = over(stand);
    if (refused) return refused;
    if (stand.phase === 'closed') return { why: 'closed' };
    if (stand.held) return { why: 'held', reason: stand.held.reason };
    await connection.query(
      `update campaign set held = jsonb_build_object(
         'reason', $2::text, 'by', $3::text, 'at', clock_timestamp()) where ref = $1`,
      [stand.ref, acting.reason, acting.by],
    );
    await writeAudit(connection, { ...acting, ...subjectOf(stand, id), act: 'campaign hold' });
    return undefined;
  });
}

/** An operator releases a campaign. */
export function releaseByOperator(
  pool: pg.Pool,
  id: CampaignId,
  releasing: Releasing,
): Promise<Refusal | undefined> {
  return decide(pool, id, releasing.request, async (connection, stand) => {
    const refused = keepsHeld(stand, releasing.approves);
    if (refused) return refused;
    await connection.query('update campaign set held = null where ref = $1', [stand.ref]);
    await writeAudit(connection, {
      ...releasing,
      ...subjectOf(stand, id),
      act: 'campaign release',
    });
    return undefined;
  });
}

/** Whether a release would be refused as things stand, so that no run is started for it. */
export function refusesRelease(
  pool: pg.Pool,
  id: CampaignId,
  approves: boolean,
): Promise<Refusal | undefined> {
  return decide(pool, id, '', async (_, stand) => keepsHeld(stand, approves));
}

function keepsHeld(stand: Stand, approves: boolean): Refusal | undefined {
  const { held, stop } = stand;
  const refused = fenced(stand);
  if (refused) return refused;
  if (stand.phase === 'closed') return { why: 'closed' };
  if (!held) return { why: 'not_held' };
  if (stand.phase !== 'executed' && stand.isStopped && stop !== null)
    return { why: 'stopped', since: stop };
  // A guard's hold bears no name.
  if (held.by === undefined && !approves) return { why: 'guarded', reason: held.reason };
  return undefined;
}

/**
 * An operator ends a campaign: the fence stands from here on, and admits but false and taking back.
 * After the last report only with force, because whoever was told true cannot be told false any more.
 */
export async function cancelByOperator(
  pool: pg.Pool,
  cancelling: Cancelling,
): Promise<Refusal | undefined> {
  const { tenant, campaignId, force, ...acting } = cancelling;
  const id = { tenant, campaignId };
  let late: { ref: number; since: number } | undefined;
  const refused = await decide(pool, id, acting.request, async (connection, stand) => {
    const before = fenced(stand);
    if (before) return before;
    const since = stand.lastReport ?? 0;
    if (stand.isReported && !force) {
      late = { ref: stand.ref, since };
      return { why: 'told', since, customers: 0 };
    }
    await connection.query(
      `update campaign set fence = 'operator', fenced_at = clock_timestamp() where ref = $1`,
      [stand.ref],
    );
    const act = stand.isReported ? 'campaign cancel --force' : 'campaign cancel';
    await writeAudit(connection, { ...acting, ...subjectOf(stand, id), act });
    return undefined;
  });
  // Counting a million takes its time, and the lock must not wait for it.
  if (late) return { why: 'told', since: late.since, customers: await countTold(pool, late.ref) };
  return refused;
}

/** Whether a campaign can be opened again; undefined when it can. What is running is the run's to say. */
export function refusesRetry(pool: pg.Pool, id: CampaignId): Promise<Refusal | undefined> {
  return decide(pool, id, '', async (_, stand) => over(stand));
}

function subjectOf({ tenant }: Stand, { campaignId }: CampaignId) {
  return { tenant, campaignId };
}
