import { setTimeout as delay } from 'node:timers/promises';
import { gather } from '../ledger/gathering.ts';
import { markTold } from '../ledger/told.ts';
import { type Asked, triggerOf } from './asked.ts';
import type { Deciding } from './house.ts';

const mostAtOnce = 1_000;
/** What is above is not marked: repeats of it are answered at the end of their time. */
const mostWaiting = 100_000;
/** Between two marks, milliseconds: a repeat elsewhere waits for one, so it is short. */
const gapMs = 50;
const pauseMs = 250;

/**
 * Marks the trues that this process has told, after it told them: only then are they heard elsewhere, so
 * that nobody hears a true whose own gateway came to tell false.
 */
export function createTellings(house: Deciding) {
  const marking = gather<Asked>(
    1,
    async (drain) => {
      const told = drain.take(mostAtOnce);
      try {
        await markTold(house.pool, told.map(triggerOf));
      } catch (error) {
        house.log.warn({ error: String(error), trues: told.length }, 'trues are not marked yet');
        await delay(pauseMs, undefined, { ref: false });
        drain.putBack(told);
      }
    },
    gapMs,
  );
  return {
    add(asked: Asked): void {
      if (marking.waiting() < mostWaiting) marking.add(asked);
    },
  };
}
