import { EXPIRED, HELD, has, mark } from '../books.ts';
import type { Call } from '../call.ts';
import { type Campaign, placeAt } from '../campaign.ts';
import { isReached, isSent } from '../executed/execution.ts';
import { idOf } from '../population.ts';
import type { Allocation } from './allocations.ts';

const DAY_MS = 86_400_000;
/** The wire tells whole seconds. */
const SECOND_MS = 1000;
/** What was on its way when the time was over. */
const GRACE_MS = 2000;

/** An instant, or a stretch of time of which any instant will do. */
interface Beginning {
  fromMs: number;
  toMs: number;
}

/** Judges when something is given, and for how long, by the flow of its campaign. */
export function judgeTerms(
  call: Call,
  campaign: Campaign,
  { index, position }: { index: number; position: number },
  each: Allocation,
): void {
  if (campaign.trigger !== undefined) return;
  const { violations, id, options, books } = campaign;
  const { customerId, promoCode } = each;
  const expiresAtMs = Date.parse(each.expiresAt);
  if (call.arrivedAtMs > expiresAtMs + GRACE_MS) {
    violations.add('given after expiry', id, customerId, `${promoCode} until ${each.expiresAt}`);
  }
  books.expiries ??= new Uint32Array(books.assignments.length);
  books.expiries[position] = Math.floor(expiresAtMs / 1000);
  if (options.flow === 'managed') return;
  if (campaign.executedAtMs === undefined) {
    violations.add('given before the execution', id, customerId, promoCode);
    return;
  }
  if (options.flow === 'executions' && !isSent(campaign, index)) {
    violations.add('given but not sent', id, customerId, promoCode);
    return;
  }
  const beginnings = beginningsOf(campaign, index, call.arrivedAtMs);
  const startsMs = Math.min(...beginnings.map(({ fromMs }) => fromMs));
  const leadMs = options.leadTimeDays * DAY_MS;
  if (options.flow === 'executions' && call.arrivedAtMs < startsMs + leadMs - SECOND_MS) {
    violations.add('given before the lead time', id, customerId, promoCode);
  }
  judgeSpan(campaign, each, beginnings, { leadMs, expiresAtMs });
}

/**
 * From when on it counts. The deadlines that were told, and what then passes until the execution; the
 * ScheduleTime of a channel that reached him; in the auto flow, which tells none, any instant since.
 */
function beginningsOf(campaign: Campaign, index: number, arrivedAtMs: number): Beginning[] {
  const { flow, executionDelayMinutes } = campaign.options;
  const exactly = (atMs: number) => ({ fromMs: atMs, toMs: atMs });
  if (flow === 'publisher') {
    return campaign.deadlinesMs.map((each) => exactly(each + executionDelayMinutes * 60_000));
  }
  const reached = campaign.executions.filter(
    (each) => flow === 'automatic' || isReached(campaign, each, index),
  );
  const scheduled = reached.map(({ scheduledAtMs }) => scheduledAtMs);
  if (flow === 'executions') return scheduled.map(exactly);
  return [{ fromMs: Math.min(...scheduled), toMs: Math.max(arrivedAtMs, ...scheduled) }];
}

function judgeSpan(
  { violations, id, options }: Campaign,
  { customerId, promoCode, startsAt, expiresAt }: Allocation,
  beginnings: Beginning[],
  { leadMs, expiresAtMs }: { leadMs: number; expiresAtMs: number },
): void {
  const isAfter = (atMs: number, spanMs: number) =>
    beginnings.some(
      ({ fromMs, toMs }) =>
        atMs >= fromMs + spanMs - SECOND_MS && atMs <= toMs + spanMs + SECOND_MS,
    );
  const durationMs = options.durationDays * DAY_MS;
  if (!isAfter(expiresAtMs, leadMs + durationMs)) {
    violations.add('wrong term', id, customerId, `${promoCode} expires ${expiresAt}`);
  }
  const isDelayed = leadMs > 0;
  const mustSay = isDelayed && options.flow === 'executions';
  const isRight = startsAt == null ? !mustSay : isDelayed && isAfter(Date.parse(startsAt), leadMs);
  if (!isRight) violations.add('wrong term', id, customerId, `${promoCode} starts ${startsAt}`);
}

/** Writes down that its time was over, and finds what was taken back for that before its time. */
export function judgeExpiry(campaign: Campaign, position: number, arrivedAtMs: number): void {
  const { books, violations, id, population } = campaign;
  if (!has(books.assignments, position, HELD)) return;
  mark(books.assignments, position, EXPIRED);
  const expiresAtMs = (books.expiries?.[position] ?? 0) * 1000;
  if (arrivedAtMs >= expiresAtMs - SECOND_MS) return;
  const { index } = placeAt(campaign, position);
  const early = `${Math.round((expiresAtMs - arrivedAtMs) / 1000)} s before it`;
  violations.add('expired too early', id, idOf(population, index), early);
}
