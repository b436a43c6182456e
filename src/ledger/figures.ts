import type pg from 'pg';
import type { Pace } from '../domain/forecast.ts';
import { pacesOf } from './pace.ts';
import { type Connection, transaction } from './pool.ts';
import { onlyRow } from './tenants.ts';

/** Longest a statement of the figures may take, milliseconds: nobody works with a late figure. */
const statementMs = 2_000;

/** What the ledger knows at one instant, counted: what a monitor reads. */
export interface Figures {
  paces: Pace[];
  tenants: TenantFigures[];
  buckets: BucketFigures[];
}

export interface TenantFigures {
  tenant: string;
  held: boolean;
  halted: boolean;
  openCampaigns: number;
  heldCampaigns: number;
  /** Effects whose answer was lost and that are no longer on the wire, by kind. */
  unknownEffects: Record<string, number>;
  /** Webhooks whose start is outstanding, and for how long the oldest has been, seconds. */
  inboxDue: number;
  inboxLagSeconds: number;
  inboxQuarantined: number;
}

/** How one bucket of the limiter stands: slots taken now, and who waits for one. */
export interface BucketFigures {
  bucket: string;
  taken: number;
  waiting: number;
  pausedSeconds: number;
}

/** Reads the figures of these tenants, in a transaction whose statements are cut off after 2 s. */
export async function readFigures(pool: pg.Pool, tenants: readonly string[]): Promise<Figures> {
  return transaction(pool, async (connection) => {
    await connection.query(`set transaction read only`);
    await connection.query(`set local statement_timeout = ${statementMs}`);
    return {
      paces: await pacesOf(connection, tenants),
      ...(await countAll(connection, tenants)),
    };
  });
}

async function countAll(
  connection: Connection,
  tenants: readonly string[],
): Promise<Pick<Figures, 'tenants' | 'buckets'>> {
  const counted = await connection.query<Pick<Figures, 'tenants' | 'buckets'>>({
    name: 'figures',
    text: statement,
    values: [tenants],
  });
  return onlyRow(counted);
}

// A bucket is named `{tenant}/{far side}`.
const statement = `
select
  coalesce((select jsonb_agg(jsonb_build_object('tenant', t.name,
      'held', t.held is not null, 'halted', t.halted is not null,
      'openCampaigns', c.open, 'heldCampaigns', c.held,
      'unknownEffects', coalesce(e.unknown, '{}'),
      'inboxDue', i.due, 'inboxLagSeconds', coalesce(i.lag, 0), 'inboxQuarantined', i.quarantined))
    from tenant t
    cross join lateral (
      select count(*) as open, count(*) filter (where held is not null) as held
      from campaign where tenant = t.ref and kind = 'scheduled' and phase <> 'closed' and fence is null
        and (phase <> 'announced' or problem is null and stop > clock_timestamp())) c
    cross join lateral (
      select jsonb_object_agg(kind, effects) as unknown from (
        select u.kind, count(*) as effects from effect u join campaign o on o.ref = u.campaign
        where o.tenant = t.ref and u.outcome is null and u.alive_until < clock_timestamp()
        group by u.kind) k) e
    cross join lateral (
      select count(*) filter (where status in ('due', 'queued')) as due,
        count(*) filter (where status = 'quarantined') as quarantined,
        extract(epoch from clock_timestamp() - min(received_at)
          filter (where status in ('due', 'queued'))) as lag
      from inbox where tenant = t.ref and status in ('due', 'queued', 'quarantined')) i
    where t.name = any ($1)), '[]') as tenants,
  coalesce((select jsonb_agg(jsonb_build_object('bucket', b.bucket,
      'taken', (select count(*) from slot s where s.bucket = b.bucket and s.free_at >= limiter_now()),
      'waiting', (select count(*) from waiter w where w.bucket = b.bucket and w.expires > limiter_now()),
      'pausedSeconds', greatest(0, extract(epoch from
        nullif(b.paused_until, '-infinity') - limiter_now()))))
    from bucket b where split_part(b.bucket, '/', 1) = any ($1)), '[]') as buckets`;
