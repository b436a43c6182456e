import {
  allHandlersFinished,
  condition,
  continueAsNew,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Hearing } from '../activities/grants.ts';
import { inLanes } from './lanes.ts';
import { kick } from './messages.ts';
import { ledger, upkeep } from './proxies.ts';

/** Pools that give side by side: their calls share the far sides' limits with all bulk work. */
const lanes = 4;

/**
 * Gives what events 11 are to give: hears all that wait, gives in pools, and looks again. While a round
 * gives, the next events collect. Ends when nothing is left and nobody has kicked meanwhile; what could
 * not be given yet is found by the next kick, which comes within a minute.
 */
export async function grants({ tenant }: { tenant: string }): Promise<void> {
  let kicked = false;
  setHandler(kick, () => {
    kicked = true;
  });
  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof grants>({ tenant });
    }
    kicked = false;
    const { heard, pools, laterMs } = await ledger.hearGrants({ tenant });
    const finished = (await inLanes(pools, lanes, give)).filter(Boolean).length;
    if (kicked || heard > 0 || finished > 0) continue;
    if (laterMs === null) return;
    await condition(() => kicked, Math.max(minPauseMs, laterMs), {
      summary: 'until the answers of their checks are there',
    });
  }
}

const minPauseMs = 100;

/** A pool that cannot be given now must not keep the others waiting. */
async function give(pool: Hearing['pools'][number]): Promise<boolean> {
  try {
    return await upkeep.giveGrants(pool);
  } catch (error) {
    log.warn('a pool of events 11 could not be given yet', { ...pool, error: String(error) });
    return false;
  }
}
