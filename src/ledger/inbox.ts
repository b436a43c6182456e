import type pg from 'pg';
import type { Announcement, Plan } from '../domain/campaign.ts';
import type { Executed } from '../domain/executed.ts';
import type { CampaignId } from '../domain/words.ts';
import { tenantsWithDebts } from './debts.ts';
import { tenantsWithEndings } from './endings.ts';
import { type ExecutionEffect, type FulfilmentId, recordExecution } from './fulfilments.ts';
import { tenantsWithGrants } from './grants.ts';
import { createRecorder } from './recorder.ts';
import { type AnnouncementEffect, announce, fenceCampaign } from './standing.ts';

/**
 * `due`: something is to be started for it. `queued`: it waits for the grants story. `quarantined`: stored,
 * and of no use to us.
 */
export type InboxStatus = 'recorded' | 'due' | 'queued' | 'started' | 'quarantined';

/** A webhook as it came, with what could be read of it at the door. */
export interface Delivery {
  tenant: string;
  /** The body's text; its digest is the delivery's identity. */
  raw: string;
  type: number | undefined;
  campaignId: string | undefined;
  status: Exclude<InboxStatus, 'started'>;
  reason: string | undefined;
  /** What the grants story needs of it. */
  reading?: Executed;
}

/** What became of a delivery: how often it came by now, and how its row stands. */
export interface Receipt {
  times: number;
  status: InboxStatus;
}

/** A row that this process may start; another may take it when the lease is over. */
export interface Due {
  id: number;
  tenant: string;
  body: unknown;
  receivedAt: number;
}

/** A process that took a row and died gives way after this long. */
const leaseMs = 30_000;
/** After a failure the row waits for its next attempt. */
const pauseMs = 5_000;

export type Inbox = ReturnType<typeof createInbox>;

/** The ledger as the webhook door and its relay need it. */
export function createInbox(pool: pg.Pool) {
  return {
    record: createRecorder(pool),
    lease: (tenants: readonly string[]) => lease(pool, tenants),
    close: (id: number, became: { status: 'started' | 'quarantined'; reason?: string }) =>
      close(pool, id, became),
    postpone: (id: number) => postpone(pool, id),
    announce: (id: CampaignId, announcement: Announcement): Promise<AnnouncementEffect> =>
      announce(pool, id, announcement),
    execute: (
      id: FulfilmentId,
      told: { at: number; plan: Plan | undefined },
    ): Promise<ExecutionEffect> => recordExecution(pool, id, told),
    fence: (id: CampaignId): Promise<boolean> => fenceCampaign(pool, id, 'deleted'),
    tenantsWithDebts: () => tenantsWithDebts(pool),
    tenantsWithEndings: () => tenantsWithEndings(pool),
    tenantsWithGrants: () => tenantsWithGrants(pool),
  };
}

/** Takes one due row of these tenants, and commits: what follows happens outside of a transaction. */
async function lease(pool: pg.Pool, tenants: readonly string[]): Promise<Due | undefined> {
  const leased = await pool.query<Due & { id: string }>(
    `update inbox i set leased_until = clock_timestamp() + $2 * interval '1 ms'
     from tenant t
     where t.ref = i.tenant and i.id = (
       select d.id from inbox d join tenant o on o.ref = d.tenant
       where d.status = 'due' and o.name = any ($1)
         and (d.leased_until is null or d.leased_until < clock_timestamp())
       order by d.id limit 1 for update of d skip locked)
     returning i.id, t.name as tenant, i.body,
       (extract(epoch from i.received_at) * 1000)::float8 as "receivedAt"`,
    [tenants, leaseMs],
  );
  const row = leased.rows[0];
  return row && { ...row, id: Number(row.id) };
}

async function close(
  pool: pg.Pool,
  id: number,
  became: { status: 'started' | 'quarantined'; reason?: string },
): Promise<void> {
  await pool.query(
    `update inbox set status = $2, reason = $3, started_at = clock_timestamp(), leased_until = null
     where id = $1 and status = 'due'`,
    [id, became.status, became.reason ?? null],
  );
}

async function postpone(pool: pg.Pool, id: number): Promise<void> {
  await pool.query(
    `update inbox set leased_until = clock_timestamp() + $2 * interval '1 ms' where id = $1`,
    [id, pauseMs],
  );
}
