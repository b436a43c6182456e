import type pg from 'pg';
import { endOf } from './campaigns.ts';
import { isActive } from './fulfilment-list.ts';
import { hasRedemptionsDue } from './redemptions.ts';

/** What is owed to one tenant's customers or far sides, counted. */
export interface Debts {
  /** Effects whose answer was lost and that are no longer on the wire. */
  unknownEffects: number;
  batchesWithRedemptions: number;
  /** Pools of claims that their gateway has not brought to their end. */
  batchesWithClaims: number;
  /** Pools of claims of which Optimove has not been told yet. */
  batchesToConfirm: number;
  openCampaigns: number;
}

/** A campaign that a run should be working on: opened, or announced and still in time. */
const isOpen = `c.kind = 'scheduled' and c.phase not in ('executed', 'closed') and c.fence is null
  and (c.phase <> 'announced' or c.problem is null and c.stop > clock_timestamp())`;

/** An effect that settlement can bring to its end; lost reports only event 13 can explain. */
const isRepeatable = `e.outcome is null and e.alive_until < clock_timestamp()
  and (e.kind = 'redeem' and c.fence is null or e.kind in ('revoke', 'restore') and c.phase = 'closed')`;

/** A pool of checks whose time is over and that its gateway has not brought to its end. */
const isUndecided =
  'b.due < clock_timestamp() and not b.finished and b.fulfilment is null and c.fence is null';

/** A pool of claims whose gateway has had its time, and has not brought it to its end. */
const isUnclaimed = 'b.claimed_until < clock_timestamp() and not b.finished and c.fence is null';

/**
 * A confirmation whose time has come. That it is not null is said, because hardly any is: else the server
 * takes a third of all batches for due, and reads the whole table.
 */
export const isUnconfirmed = 'b.confirm_at is not null and b.confirm_at <= clock_timestamp()';

/** The tenants with anything that settlement can do for them: a run that died is found here, too. */
export async function tenantsWithDebts(pool: pg.Pool): Promise<string[]> {
  const found = await pool.query<{ name: string }>(debtsStatement, [JSON.stringify(endOf)]);
  return found.rows.map((row) => row.name);
}

// Partial indices hold what is open: whatever has been settled costs this nothing.
export const debtsStatement = `select t.name from tenant t where t.halted is not null
       or exists (select from campaign c where c.tenant = t.ref and (${isOpen}
         or c.fence is not null and c.summary ->> 'reason' is distinct from $1::jsonb ->> c.fence))
       or exists (select from effect e join campaign c on c.ref = e.campaign
         where c.tenant = t.ref and ${isRepeatable})
       or exists (select from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and ${hasRedemptionsDue})
       or exists (select from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and c.fence is null and b.suppressions_due)
       or exists (select from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and ${isUndecided})
       or exists (select from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and ${isUnclaimed})
       or exists (select from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and c.fence is null and ${isUnconfirmed})
       or exists (select from fulfilment f join campaign c on c.ref = f.campaign
         where c.tenant = t.ref and ${isActive})
       or exists (select from answer a join campaign c on c.ref = a.campaign
         where c.tenant = t.ref and a.answer is null and a.due < clock_timestamp())
       or exists (select from suppression s where s.tenant = t.ref and not s.spread)
     order by t.name`;

/** Everything a tenant's operator should know is outstanding. */
export async function debtsOf(pool: pg.Pool, tenant: string): Promise<Debts> {
  const found = await pool.query<Debts>(
    `select
       (select count(*)::int from effect e join campaign c on c.ref = e.campaign
         where c.tenant = t.ref and e.outcome is null and e.alive_until < clock_timestamp()
       ) as "unknownEffects",
       (select count(*)::int from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and ${hasRedemptionsDue}
       ) as "batchesWithRedemptions",
       (select count(*)::int from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and ${isUnclaimed}) as "batchesWithClaims",
       (select count(*)::int from batch b join campaign c on c.ref = b.campaign
         where c.tenant = t.ref and c.fence is null and b.confirm_at is not null
       ) as "batchesToConfirm",
       (select count(*)::int from campaign c
         where c.tenant = t.ref and ${isOpen}) as "openCampaigns"
     from tenant t where t.name = $1`,
    [tenant],
  );
  return found.rows[0] ?? nothing;
}

const nothing: Debts = {
  unknownEffects: 0,
  batchesWithRedemptions: 0,
  batchesWithClaims: 0,
  batchesToConfirm: 0,
  openCampaigns: 0,
};
