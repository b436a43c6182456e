/** The day of an instant in a time zone's calendar, YYYY-MM-DD, as Optimove names days (API §4). */
export function dayIn(timeZone: string, at: number): string {
  // Swedish writes dates as ISO does.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(at);
}
