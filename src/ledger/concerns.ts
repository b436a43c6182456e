import type pg from 'pg';
import * as alerts from '../domain/alert.ts';

/** Answers that never came are left to settlement for this long after the end. */
const settledWithinMs = 120_000;
/** Nobody mends a quarantined webhook: it is over when a usable one has come, or after a day. */
const quarantineMs = 86_400_000;
/** A webhook that was refused has been sent again after an hour, or posted by hand. */
const refusedMs = 3_600_000;

interface ConcernRow {
  kind: alerts.AlertKind;
  tenant: string;
  campaign: string | null;
  subject: string;
  detail: string | null;
  /** Epoch milliseconds. */
  at: number | null;
  counts: Record<string, number> | null;
  type: number | null;
}

/** What the ledger itself shows of these tenants that a person should know; all but forecasts. */
export async function concernsOf(
  pool: pg.Pool,
  tenants: readonly string[],
): Promise<alerts.Alert[]> {
  const { silentAfterMs, mostQuarantineAlerts } = alerts;
  const found = await pool.query<ConcernRow>({
    name: 'concerns_of',
    text: statement,
    values: [
      ...[tenants, settledWithinMs, silentAfterMs, quarantineMs, mostQuarantineAlerts, refusedMs],
    ],
  });
  return found.rows.map(alertOf);
}

function alertOf(row: ConcernRow): alerts.Alert {
  const { kind, tenant, subject } = row;
  const detail = row.detail ?? '';
  const campaignId = row.campaign ?? undefined;
  const id = { tenant, campaignId: row.campaign ?? '' };
  switch (kind) {
    case 'hold':
      if (campaignId === undefined) return alerts.tenantHoldAlert(tenant, heldOf(row));
      return alerts.holdAlert(id, heldOf(row), row.at ?? undefined);
    case 'halt':
      return alerts.haltAlert(tenant, subject, detail);
    case 'unknown_effects':
      return alerts.unknownEffectsAlert(id, row.counts ?? {});
    case 'silence':
      return alerts.silenceAlert(tenant, subject, row.at ?? 0);
    case 'inactive_promotion':
      return alerts.inactivePromotionAlert(id, detail);
    case 'not_sent':
      return alerts.notSentAlert(id, row.counts?.['assignments'] ?? 0);
    case 'differences':
      return alerts.differencesAlert(tenant, subject);
    case 'quarantine': {
      const type = row.type ?? undefined;
      if (subject === alerts.moreQuarantined) return alerts.manyQuarantinedAlert(tenant);
      return alerts.quarantineAlert({ tenant, digest: subject, type, campaignId, reason: detail });
    }
    default:
      // It is raised where it happens, and stands for as long as it is listed here.
      return { kind, tenant, subject, campaignId, message: detail };
  }
}

function heldOf({ detail, subject }: ConcernRow): alerts.Held {
  return { reason: detail ?? '', at: subject };
}

// The subject of a hold is its instant. A halt that was ended without an answer (a data connection has no cheap read, API §12) is over only
// when the far side has answered a call: the next upload may hear the same again.
const statement = `
with known as (
  select ref, name, held, halted from tenant where name = any ($1)
), open as (
  select t.name, t.halted, a.* from alert a join known t on t.ref = a.tenant where a.over_at is null
), lost as (
  select campaign, kind, count(*)::int as count from effect
  where outcome is null and alive_until < now() - $2 * interval '1 ms' group by campaign, kind
), aside as (
  select t.name, i.digest, i.type, i.campaign, i.reason,
    row_number() over (partition by i.tenant order by i.id) as place
  from inbox i join known t on t.ref = i.tenant
  where i.status = 'quarantined' and i.received_at > now() - $4 * interval '1 ms'
    and not (i.type = 5 and i.campaign is not null and exists (select from inbox later
      where later.tenant = i.tenant and later.type = 5 and later.campaign = i.campaign
        and later.status in ('due', 'started') and later.received_at > i.received_at))
)
select 'hold' as kind, t.name as tenant, c.id as campaign, c.held ->> 'at' as subject, c.held ->> 'reason' as detail,
  round(extract(epoch from c.stop) * 1000)::float8 as at, null::jsonb as counts, null::int as type
from known t join campaign c on c.tenant = t.ref
where c.held is not null and c.phase <> 'closed' and c.fence is null
union all
select 'hold', name, null, held ->> 'at', held ->> 'reason', null, null, null from known where held is not null
union all
select 'halt', name, null, halted ->> 'farSide', halted ->> 'message', null, null, null
from known where halted is not null
union all
select 'halt', o.name, null, o.subject, o.message, null, null, null
from open o left join contact k on k.tenant = o.tenant and k.far_side = o.subject
where o.kind = 'halt' and (o.halted ->> 'farSide') is distinct from o.subject
  and (k.answered_at is null or k.answered_at < o.raised_at) and o.raised_at > now() - interval '1 day'
union all
select 'unknown_effects', t.name, c.id, c.id, null, null, jsonb_object_agg(l.kind, l.count), null
from lost l join campaign c on c.ref = l.campaign join known t on t.ref = c.tenant
where c.phase = 'closed' and c.closed_at < now() - $2 * interval '1 ms'
  -- What Optimove heard of a deleted campaign's customers matters to nobody.
  and (c.fence is distinct from 'deleted' or l.kind = 'revoke')
group by t.name, c.id
union all
select 'silence', t.name, null, k.far_side, null,
  round(extract(epoch from coalesce(k.answered_at, k.failing_since)) * 1000)::float8, null, null
from contact k join known t on t.ref = k.tenant
where k.failed_at - k.failing_since >= $3 * interval '1 ms'
union all
select 'inactive_promotion', t.name, c.id, c.id || '/' || code, code, null, null, null
from known t join campaign c on c.tenant = t.ref cross join lateral unnest(c.inactive_codes) code
where c.phase <> 'closed' and c.fence is null
union all
select 'not_sent', t.name, c.id, c.id, null, null, jsonb_build_object('assignments', c.not_sent), null
from known t join campaign c on c.tenant = t.ref
where c.not_sent > 0 and c.fence is null and (c.plan ->> 'notSent' = 'list' or c.sent_known_at is null)
  and c.expires_at > now()
union all
select 'differences', t.name, null, (select max(r.subject) from reconciliation r
    where r.tenant = t.ref and r.is_nightly), null, null, null, null
from known t
where exists (select from difference d where d.tenant = t.ref and d.closed_at is null and d.repair <> 'none')
  and exists (select from reconciliation r
    where r.tenant = t.ref and r.is_nightly)
union all
select 'quarantine', name, campaign, digest, reason, null, null, type from aside where place <= $5
union all
select distinct 'quarantine', name, null, '${alerts.moreQuarantined}', null, null::float8, null::jsonb,
  null::int from aside where place > $5
union all
select o.kind, o.name, o.campaign, o.subject, o.message, null, null, null
from open o where o.kind = 'refused_webhook' and o.raised_at > now() - $6 * interval '1 ms'
  and not exists (select from inbox i where i.tenant = o.tenant and i.campaign = o.subject
    and i.type in (4, 5) and i.received_at > o.raised_at)`;
