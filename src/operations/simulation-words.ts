import type { AllowanceUse, Outlook, Way } from '../domain/simulation.ts';
import type { TenantSettings } from '../domain/tenant.ts';

/** A limit that would hold the campaign for a person, for sure or by what its validation says. */
export interface GuardWord {
  limit: 'maxAudience' | 'maxRewardTotal' | 'unknownCodes';
  holds: 'surely' | 'after_validation';
  says: string;
}

export interface Guarded {
  customers: number;
  /** Codes that Promotions does not know. */
  unknownCodes: readonly string[];
}

/** The limits that would hold a campaign, each with what to do. */
export function guardWords(settings: TenantSettings, way: Way, found: Guarded): GuardWord[] {
  const { maxAudience, maxRewardTotal = {} } = settings.limits;
  const words: GuardWord[] = [];
  if (found.customers > maxAudience) {
    const says =
      `The audience of ${number(found.customers)} customers is over the limit of ${number(maxAudience)}: ` +
      'it waits for a key with the role approve before anything is done, unless limits.maxAudience is raised before event 5.';
    words.push({ limit: 'maxAudience', holds: 'surely', says });
  }
  const holdsUnknown = settings.promotions?.unknownCodes === 'hold';
  if (holdsUnknown && way.recipe.includes('validate') && found.unknownCodes.length > 0) {
    const says = `Promotions does not know ${codes(found.unknownCodes)}: make them there before event 5, or it waits for a key with the role approve.`;
    words.push({ limit: 'unknownCodes', holds: 'surely', says });
  }
  for (const [type, most] of Object.entries(maxRewardTotal)) {
    const says = `At most ${number(most)} of ${type} in all: what each customer gets is known only after validation, and is looked at then.`;
    words.push({ limit: 'maxRewardTotal', holds: 'after_validation', says });
  }
  return words;
}

export interface Judged {
  settings: TenantSettings;
  way: Way;
  customers: number;
  /** Customers of whom something passes the screen. */
  passed: number;
  guards: readonly GuardWord[];
  allowances: readonly AllowanceUse[];
  needsMs: number;
  /** Undefined where no deadline is known. */
  outlook: Outlook | undefined;
}

/** What it all comes to, in words; what is wrong comes with what to do. */
export function verdictWords(judged: Judged): string {
  const { customers, passed, guards } = judged;
  if (customers === 0) {
    return 'Nobody is in its audience: Optimove may not have made the list yet. A run would ask again for two minutes, and then end.';
  }
  if (passed === 0) return 'Nobody would pass the screen: see the reasons.';
  const held = guards.find(({ holds }) => holds === 'surely');
  return [
    ...(held ? [`It would be held for a person (${held.limit}).`, 'Released at once:'] : []),
    timeWords(judged),
  ].join(' ');
}

function timeWords({ way, outlook, needsMs, allowances, settings }: Judged): string {
  const isPublished = way.recipe.includes('publish');
  const done = isPublished ? 'handed over to the publisher' : 'decided';
  if (!outlook) {
    const pace =
      needsMs > 0
        ? `in ${span(needsMs)}, as its allowances let it`
        : 'as fast as the far sides answer';
    return `It would be ${done} ${pace}. Its deadline is not known: give one to hear whether that is in time.`;
  }
  const { marginMs, from, stop } = outlook;
  if (marginMs >= 0) {
    const then = isPublished ? ' What the publisher needs comes on top.' : '';
    return `It would be ${done} ${span(marginMs)} before its stop.${then}`;
  }
  const slowest = allowances.toSorted((a, b) => b.needsMs - a.needsMs)[0];
  const margin = settings.scheduled.clearanceMarginMs;
  const earlier = `have Optimove announce it at least ${span(needsMs + margin)} before its deadline`;
  const larger = slowest
    ? `, or have a larger allowance granted for ${slowest.bucket} (now ${slowest.requests} requests in ${slowest.perMs / 1_000} s), or target fewer customers`
    : '';
  const late =
    from >= stop
      ? 'It would be late: its stop is over before it begins.'
      : `It would be late by ${span(-marginMs)}: whoever is ${done} by the stop is approved, the others are not.`;
  return `${late} What to do: ${earlier}${larger}.`;
}

const units: [name: string, ms: number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** `1 hour 5 minutes`, `12 minutes`, `45 seconds`: to the second below ten minutes, else to the minute. */
export function span(ms: number): string {
  const roundTo = ms < 600_000 ? 1_000 : 60_000;
  let left = Math.round(ms / roundTo) * roundTo;
  const parts = units.flatMap(([name, unit]) => {
    const whole = Math.floor(left / unit);
    left -= whole * unit;
    return whole > 0 ? `${whole} ${name}${whole === 1 ? '' : 's'}` : [];
  });
  return parts.slice(0, 2).join(' ') || 'less than a second';
}

function codes(promoCodes: readonly string[]): string {
  const [first = '', ...others] = promoCodes;
  return others.length === 0 ? `the promo code ${first}` : `${promoCodes.length} promo codes`;
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
