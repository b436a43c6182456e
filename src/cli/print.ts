import Table from 'cli-table3';
import type { Acted } from '../gateway/api/shapes.ts';

/** One JSON text for machines. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** What an act came to. */
export function printActed(acted: Acted, json: boolean | undefined): void {
  if (json) printJson(acted);
  else console.log(acted.note);
}

/** A table for people, without colour: it is read in logs and tickets as well. */
export function printTable(head: string[], rows: string[][]): void {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  console.log(table.toString());
}

/** Facts, one a line, their names in front; those without a value are left out. */
export function printFacts(facts: [name: string, value: string | undefined][]): void {
  const known = facts.flatMap(([name, value]) => (value ? [[name, value]] : []));
  const width = Math.max(...known.map(([name = '']) => name.length));
  for (const [name = '', value = ''] of known) console.log(`${name.padEnd(width)}  ${value}`);
}

/** An instant, to the second, in universal time. */
export function writeInstant(instant: number | null): string {
  return instant === null
    ? ''
    : `${new Date(instant).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** How long something takes: `1 h 05 min`, `12 min 30 s`, `8 s`; what is over has a minus. */
export function writeDuration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const two = (number: number) => String(number).padStart(2, '0');
  const text =
    hours > 0
      ? `${hours} h ${two(minutes)} min`
      : minutes > 0
        ? `${minutes} min ${two(seconds % 60)} s`
        : `${seconds} s`;
  return ms < 0 && seconds > 0 ? `-${text}` : text;
}

export function writeCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `allocated 91,200 · refused 8,800`, without what is zero. */
export function writeCounts(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${writeCount(count)}`)
    .join(' · ');
}
