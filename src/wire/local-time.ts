/**
 * Optimove's date-times carry no zone (API §4): they are read in the tenant's time zone, once, here.
 * Inside the house an instant is epoch milliseconds.
 */
import { DateTime } from 'luxon';

const shape = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?$/;

export type LocalTime = { instant: number } | { unreadable: string };

/**
 * Reads `YYYY-MM-DD HH:MM[:SS]` as a local time of an IANA zone. A time that the clocks skip is
 * unreadable; of the two instants of a repeated hour it is the earlier, so that nothing is late.
 */
export function readLocalTime(value: unknown, zone: string): LocalTime {
  if (typeof value !== 'string') return { unreadable: 'it is not a text' };
  const parts = shape.exec(value.trim());
  if (!parts) return { unreadable: 'it is not of the form YYYY-MM-DD HH:MM:SS' };
  const [year, month, day, hour, minute, second] = parts.slice(1).map((part) => Number(part ?? 0));
  const wall = { year, month, day, hour, minute, second };
  const time = DateTime.fromObject(wall, { zone });
  // Luxon reads hour 24 as the next day; Optimove's clock ends at 23:59:59.
  if (!time.isValid || hour === 24) return { unreadable: 'there is no such date or time' };
  if (time.hour !== hour || time.minute !== minute || time.day !== day) {
    return { unreadable: `the clocks of ${zone} skip it (daylight saving)` };
  }
  return { instant: Math.min(...time.getPossibleOffsets().map((each) => each.toMillis())) };
}

/** The local time of an instant, to the second, as Optimove writes it: `YYYY-MM-DD HH:MM:SS`. */
export function writeLocalTime(instant: number, zone: string): string {
  return DateTime.fromMillis(instant, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}

const date = /^(\d{4}-\d{2}-\d{2})(?:[ T]|$)/;

/** The `YYYY-MM-DD` of a date, or of a local time; undefined where there is no such day. */
export function readLocalDate(value: unknown): string | undefined {
  const day = typeof value === 'string' ? date.exec(value.trim())?.[1] : undefined;
  if (day === undefined) return undefined;
  const midnight = Date.parse(day);
  if (Number.isNaN(midnight)) return undefined;
  // The 31st of a shorter month is read as a day of the next one.
  return new Date(midnight).toISOString().startsWith(day) ? day : undefined;
}

/** The local date of an instant: `YYYY-MM-DD`. */
export function writeLocalDate(instant: number, zone: string): string {
  return DateTime.fromMillis(instant, { zone }).toFormat('yyyy-MM-dd');
}
