import { DateTime } from 'luxon';

/** An instant as Optimove writes it: `YYYY-MM-DD HH:MM:SS` in the tenant's zone, no zone told. */
export function localTime(atMs: number, zone: string): string {
  return DateTime.fromMillis(atMs, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}

/** The day of an instant in the tenant's calendar, or so many days later. */
export function localDate(atMs: number, zone: string, days = 0): string {
  return DateTime.fromMillis(atMs, { zone }).plus({ days }).toFormat('yyyy-MM-dd');
}

/** The wire knows whole seconds only, so a deadline is judged at the second that was told. */
export function wholeSecond(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000;
}
