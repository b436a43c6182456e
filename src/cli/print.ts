import Table from 'cli-table3';

/** One JSON text for machines. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
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
