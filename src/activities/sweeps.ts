import { countStaged, type Staging, stagedSweep, stagePage } from '../ledger/pages.ts';
import type { Pool } from '../ledger/pool.ts';
import type { AudiencePage } from '../world.ts';

/** Whole readings of a list, at most: pages have no promised order and may shift meanwhile (API §4.1). */
const maxSweeps = 3;

/** Why a reading ended before its time. */
export type ReadingStop = 'fenced' | 'halted' | 'late';

/** A long list that a far side tells page by page. */
export interface List {
  ref: number;
  /** Where its pages are staged. */
  staging: Staging;
  /** Rows asked for in one page. */
  top: number;
  read(page: { skip: number; top: number }): Promise<AudiencePage>;
  /** Asked before each page. */
  stops(): Promise<ReadingStop | undefined>;
  /** How many distinct customers there are, where it is told: met, it shows that no page shifted. */
  targeted?: number | undefined;
}

/**
 * Stages a whole list: sweeps over all its pages until one adds nothing. Resumes after the last page that was
 * staged, so a retry reads on. `counted` are its distinct customers, where they were counted.
 */
export async function stageList(
  pool: Pool,
  list: List,
  signal: AbortSignal,
): Promise<{ stopped: ReadingStop | undefined; counted: number | undefined }> {
  const { ref, staging } = list;
  let counted: number | undefined;
  const begun = (await stagedSweep(pool, ref, staging))?.sweep ?? staging.first;
  for (let sweep = begun; sweep < staging.first + maxSweeps; sweep += 1) {
    const stopped = await readSweep(pool, list, sweep, signal);
    if (stopped) return { stopped, counted };
    const staged = await stagedSweep(pool, ref, staging);
    if (staged?.rows === 0 || staged?.allRepeated) break;
    counted = await countStaged(pool, ref, staging);
    if (list.targeted === counted) break;
  }
  return { stopped: undefined, counted };
}

async function readSweep(
  pool: Pool,
  { ref, staging, top, read, stops }: List,
  sweep: number,
  signal: AbortSignal,
): Promise<ReadingStop | undefined> {
  const staged = await stagedSweep(pool, ref, staging);
  let number = staged?.sweep === sweep ? staged.pages : 0;
  let length = staged?.sweep === sweep && number > 0 ? staged.lastLength : top;
  const readAt = (at: number) => read({ skip: at * top, top });
  let ahead: Promise<AudiencePage> | undefined;
  while (length >= top) {
    signal.throwIfAborted();
    const stopped = await stops();
    if (stopped) return stopped;
    const page = await (ahead ?? readAt(number));
    length = page.length;
    // The next page is read while this one is written; should the writing fail, nobody asks for it.
    ahead = length >= top ? readAt(number + 1) : undefined;
    ahead?.catch(() => {});
    await stagePage(pool, ref, sweep, number, page);
    number += 1;
  }
  return undefined;
}
