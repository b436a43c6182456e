import { type Alert, type AlertName, forecastAlert } from '../domain/alert.ts';
import { callLimits, forecasts } from '../domain/forecast.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { type AlertHouse, endAlert, openAlerts, raiseAlert } from './alerts.ts';
import { concernsOf } from './concerns.ts';
import { pacesOf } from './pace.ts';

/**
 * Looks at what the ledger itself shows of these tenants: raises what nobody has raised, because its
 * process died or nobody noticed, and ends what is over. Any number of processes may look at once.
 */
export async function lookForConcerns(
  house: AlertHouse,
  tenants: readonly string[],
): Promise<void> {
  // In this order: what is open here was raised for something that stood before.
  const open = await openAlerts(house.pool, tenants);
  const concerns = await concernsOf(house.pool, tenants);
  const standing = new Set(concerns.map(nameOf));
  await raiseMissing(house, open, concerns);
  for (const alert of open) {
    if (alert.kind !== 'forecast' && !standing.has(nameOf(alert))) await endAlert(house, alert);
  }
}

/**
 * Forecasts the open campaigns: one that was late at the look `before`, and still is, is told of. A
 * single slow minute is not. Returns the names of those that are late now, for the next look.
 */
export async function lookAhead(
  house: AlertHouse,
  tenants: readonly TenantSettings[],
  before: ReadonlySet<string>,
): Promise<Set<string>> {
  const names = tenants.map(({ tenant }) => tenant);
  const open = await openAlerts(house.pool, names);
  const paces = Map.groupBy(await pacesOf(house.pool, names), ({ tenant }) => tenant);
  const late = tenants.flatMap((settings) =>
    forecasts(paces.get(settings.tenant) ?? [], callLimits(settings)).flatMap((one) => {
      const { finishesAt, lateByMs } = one;
      if (finishesAt === undefined || !lateByMs) return [];
      return [forecastAlert(one, lateByMs, finishesAt - lateByMs)];
    }),
  );
  const lateNow = new Set(late.map(nameOf));
  await raiseMissing(
    house,
    open,
    late.filter((alert) => before.has(nameOf(alert))),
  );
  for (const alert of open) {
    if (alert.kind === 'forecast' && !lateNow.has(nameOf(alert))) await endAlert(house, alert);
  }
  return lateNow;
}

async function raiseMissing(
  house: AlertHouse,
  open: readonly AlertName[],
  concerns: readonly Alert[],
): Promise<void> {
  const opened = new Set(open.map(nameOf));
  for (const alert of concerns) if (!opened.has(nameOf(alert))) await raiseAlert(house, alert);
}

function nameOf({ kind, tenant, subject }: AlertName): string {
  return JSON.stringify([kind, tenant, subject]);
}
