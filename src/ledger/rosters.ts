import type pg from 'pg';

/** Who the members of a batch are, element by element: what the cut wrote, and nobody writes again. */
export interface Roster {
  customers: string[];
  promoCodes: string[];
  actionIds: (string | undefined)[];
  /** Two bytes an element; null in a scheduled campaign, where each is the only one. */
  instances: Buffer | null;
}

/** Some more than there are batches in flight; one takes up to a megabyte. */
const mostKept = 16;

/** The rosters that a process has read of a ledger, the latest at the end. */
const kept = new WeakMap<pg.Pool, Map<string, Roster>>();

/** The rosters of a ledger that this process has read lately, so that each stage need not read them anew. */
export function rostersOf(pool: pg.Pool): {
  find(campaign: number, batch: number): Roster | undefined;
  keep(campaign: number, batch: number, roster: Roster): void;
} {
  const rosters = kept.get(pool) ?? new Map<string, Roster>();
  kept.set(pool, rosters);
  return {
    find: (campaign, batch) => rosters.get(`${campaign}/${batch}`),
    keep(campaign, batch, roster) {
      const name = `${campaign}/${batch}`;
      rosters.delete(name);
      rosters.set(name, roster);
      const [oldest] = rosters.keys();
      if (rosters.size > mostKept && oldest !== undefined) rosters.delete(oldest);
    },
  };
}
