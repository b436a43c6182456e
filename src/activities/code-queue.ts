import { type EventEmitter, once } from 'node:events';
import { setToValidate, waitsForLower } from '../ledger/batches.ts';
import type { Pool } from '../ledger/pool.ts';
import type { CodeQueue } from '../stages/validate.ts';

/** How often the batches below are looked at while another process may be validating them. */
const lookEveryMs = 100;

/**
 * A batch's place in the queues of its promo codes: budgets go to whoever comes first, so a code is
 * validated in the order of the batches. `validated` rings a campaign's number for the batches of this
 * process; those of others are looked for.
 */
export function openQueue(
  pool: Pool,
  validated: EventEmitter,
  of: { ref: number; batch: number; signal: AbortSignal },
): CodeQueue {
  const { ref, batch, signal } = of;
  const ring = String(ref);
  return {
    async standsFor(promoCodes) {
      await setToValidate(pool, ref, batch, promoCodes);
      validated.emit(ring);
    },
    async comes(promoCode) {
      for (;;) {
        const patience = AbortSignal.timeout(lookEveryMs);
        // Before the question, so that no ring between question and waiting is missed.
        const rung = once(validated, ring, { signal: AbortSignal.any([signal, patience]) });
        const waiting = rung.catch(() => {});
        if (!(await waitsForLower(pool, ref, batch, promoCode))) return;
        await waiting;
        signal.throwIfAborted();
      }
    },
  };
}
