import type pg from 'pg';
import type { Alert, AlertKind, AlertName, Notice } from '../domain/alert.ts';
import type { Log } from '../world.ts';
import { tenantRef } from './tenants.ts';

/** What raising and ending an alert needs: the ledger to remember it, the log to say it. */
export interface AlertHouse {
  pool: pg.Pool;
  log: Log;
}

const titles: Record<AlertKind, string> = {
  hold: 'a campaign waits for a person',
  halt: 'a far side does not know our key',
  forecast: 'a campaign will not be decided in time',
  unknown_effects: 'a campaign has ended with unanswered calls',
  quarantine: 'a webhook was quarantined',
  refused_webhook: 'neither store took a webhook',
  silence: 'a far side does not answer',
  inactive_promotion: 'a promotion is not active',
  differences: 'the far sides and the ledger differ',
  not_sent: 'approved customers were not sent the campaign',
  configuration: 'the changed configuration cannot be used',
};

/**
 * Raises an alert, unless it is raised already: the one way to say that a person is needed. It is
 * logged, and a gateway tells the receiver. True when it was raised now.
 */
export async function raiseAlert(house: AlertHouse, alert: Alert): Promise<boolean> {
  const isNew = await writeAlert(house.pool, alert);
  if (isNew) logAlert(house.log, alert);
  return isNew;
}

/** True when nothing of this kind and subject was open. */
export async function writeAlert(pool: pg.Pool, alert: Alert): Promise<boolean> {
  const { kind, tenant, subject, campaignId, message } = alert;
  const written = await pool.query(
    `insert into alert (tenant, kind, subject, campaign, message) values ($1, $2, $3, $4, $5)
     on conflict (coalesce(tenant, 0), kind, subject) where over_at is null do nothing`,
    [tenant && (await tenantRef(pool, tenant)), kind, subject, campaignId ?? null, message],
  );
  return written.rowCount === 1;
}

export function logAlert(log: Log, alert: Alert): void {
  const { kind, tenant, campaignId, message, facts } = alert;
  log.error({ message, ...facts, alert: kind, tenant, campaign: campaignId }, titles[kind]);
}

/** Ends an alert. True when it was open, and ended now. */
export async function endAlert({ pool, log }: AlertHouse, alert: AlertName): Promise<boolean> {
  const { kind, tenant, subject } = alert;
  const ended = await pool.query<{ campaign: string | null }>(
    `update alert set over_at = clock_timestamp()
     where coalesce(tenant, 0) = $1 and kind = $2 and subject = $3 and over_at is null
     returning campaign`,
    [tenant === undefined ? 0 : await tenantRef(pool, tenant), kind, subject],
  );
  const row = ended.rows[0];
  if (!row) return false;
  log.info({ over: kind, tenant, subject, campaign: row.campaign }, 'an alert is over');
  return true;
}

export interface OpenAlert extends AlertName {
  raisedAt: number;
}

/** The open alerts of these tenants. */
export async function openAlerts(pool: pg.Pool, tenants: readonly string[]): Promise<OpenAlert[]> {
  const found = await pool.query<OpenAlert>(
    `select a.kind, t.name as tenant, a.subject,
       round(extract(epoch from a.raised_at) * 1000)::float8 as "raisedAt"
     from alert a join tenant t on t.ref = a.tenant
     where a.over_at is null and t.name = any ($1) order by a.raised_at`,
    [tenants],
  );
  return found.rows;
}

/** A gateway that took a notice and died gives way after this long. */
const leaseMs = 30_000;
/** A receiver that is away is told again soon at first, then every minute, for ever. */
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;

/** Takes the oldest notice that is due, for this process alone. The end of an alert comes after its beginning. */
export async function leaseNotice(pool: pg.Pool): Promise<Notice | undefined> {
  const leased = await pool.query<{
    id: string;
    kind: string;
    tenant: string | null;
    campaign: string | null;
    message: string;
    raised: Date;
    over: Date | null;
    told: boolean;
  }>(
    `update alert a set leased_until = clock_timestamp() + $1 * interval '1 ms', attempts = attempts + 1
     where a.id = (
       select d.id from alert d
       where (d.told_at is null or d.over_at is not null and d.over_told_at is null)
         and (d.leased_until is null or d.leased_until < clock_timestamp())
       order by d.raised_at limit 1 for update skip locked)
     returning a.id, a.kind, (select t.name from tenant t where t.ref = a.tenant) as tenant, a.campaign,
       a.message, a.raised_at as raised, a.over_at as over, a.told_at is not null as told`,
    [leaseMs],
  );
  const row = leased.rows[0];
  if (!row) return undefined;
  const { id, kind, tenant, campaign, message, raised, over } = row;
  const isOver = row.told;
  return {
    noticeId: `${id}/${isOver ? 'over' : 'raised'}`,
    isOver,
    body: {
      id,
      kind,
      ...(tenant !== null && { tenant }),
      ...(campaign !== null && { campaignId: campaign }),
      message,
      raisedAt: raised.toISOString(),
      ...(isOver && over && { overAt: over.toISOString() }),
    },
  };
}

/** The receiver has heard this notice. */
export async function markTold(pool: pg.Pool, { body, isOver }: Notice): Promise<void> {
  await pool.query(
    `update alert set leased_until = null, attempts = 0,
       told_at = coalesce(told_at, clock_timestamp()),
       over_told_at = case when $2 then clock_timestamp() else over_told_at end
     where id = $1`,
    [body.id, isOver],
  );
}

/** The receiver did not take this notice: it stays due, after a pause that grows. */
export async function postponeNotice(pool: pg.Pool, { body }: Notice): Promise<void> {
  await pool.query(
    `update alert set leased_until = clock_timestamp()
       + least($2 * 2 ^ least(attempts - 1, 10), $3) * interval '1 ms'
     where id = $1`,
    [body.id, firstPauseMs, longestPauseMs],
  );
}

/** Nobody is to be told: what is over by now is not told later either, should a receiver be named. */
export async function forgetEnded(pool: pg.Pool): Promise<void> {
  await pool.query(
    `update alert set told_at = coalesce(told_at, clock_timestamp()), over_told_at = clock_timestamp()
     where over_at is not null and over_told_at is null`,
  );
}
