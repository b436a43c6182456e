import { DateTime } from 'luxon';

/** An instant as Optimove writes it: `YYYY-MM-DD HH:MM:SS` in the tenant's zone, no zone told. */
export function localTime(atMs: number, zone: string): string {
  return DateTime.fromMillis(atMs, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}

export function localDate(atMs: number, zone: string): string {
  return localTime(atMs, zone).slice(0, 10);
}

/** The wire knows whole seconds only, so a deadline is judged at the second that was told. */
export function wholeSecond(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000;
}
