import type { Alert, AlertName, Notice } from '../domain/alert.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import {
  type AlertHouse,
  endAlert,
  forgetEnded,
  leaseNotice,
  logAlert,
  markTold,
  postponeNotice,
  raiseAlert,
  writeAlert,
} from './alerts.ts';
import { lookAhead, lookForConcerns } from './lookout.ts';

/** The ledger as whoever keeps watch needs it: a gateway, and the reading of the configuration. */
export function createAlarm(house: AlertHouse) {
  const { pool, log } = house;
  /** Raised and logged while the ledger was away, by name. */
  const unwritten = new Map<string, Alert>();
  let late: ReadonlySet<string> = new Set();

  return {
    /** Never rejects: what the ledger does not take now is written with the next look. */
    async raise(alert: Alert): Promise<void> {
      try {
        await raiseAlert(house, alert);
      } catch {
        const name = JSON.stringify([alert.kind, alert.tenant, alert.subject]);
        if (!unwritten.has(name)) logAlert(log, alert);
        unwritten.set(name, alert);
      }
    },

    /** Never rejects: an alert that cannot be ended now is ended by the next who finds it over. */
    async end(alert: AlertName): Promise<void> {
      await endAlert(house, alert).catch((error) => {
        log.warn({ kind: alert.kind, error: String(error) }, 'an alert could not be ended');
      });
    },

    /** Raises and ends what the ledger shows of these tenants. */
    async look(tenants: readonly string[]): Promise<void> {
      for (const [name, alert] of unwritten) {
        await writeAlert(pool, alert);
        unwritten.delete(name);
      }
      await lookForConcerns(house, tenants);
    },

    /** The same for forecasts; a campaign must be late in two looks after one another. */
    async lookAhead(tenants: readonly TenantSettings[]): Promise<void> {
      late = await lookAhead(house, tenants, late);
    },

    lease: () => leaseNotice(pool),
    markTold: (notice: Notice) => markTold(pool, notice),
    postpone: (notice: Notice) => postponeNotice(pool, notice),
    forgetEnded: () => forgetEnded(pool),
  };
}

export type Alarm = ReturnType<typeof createAlarm>;
