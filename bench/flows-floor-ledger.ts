import type pg from 'pg';
import { executedSpan } from '../src/domain/campaign.ts';
import { automaticRecipe, executionsRecipe } from '../src/domain/flow.ts';
import { cutAudience } from '../src/ledger/audience.ts';
import { fixSpan, markCollected } from '../src/ledger/fulfilment-spans.ts';
import { openFulfilment, recordExecution } from '../src/ledger/fulfilments.ts';
import { stagePage, stagingOf } from '../src/ledger/pages.ts';
import { tenant } from './campaign-tenant.ts';
import { floorPlan } from './floor-ledger.ts';
import type { Entitled, ExecutedFlow } from './flows-floor-walk.ts';

/** What Optimove has sent through one channel, by the ledger's own numbers. */
export interface Fulfilling {
  ref: number;
  number: number;
}

/** Records the execution and opens what follows on it, as promoflow does. */
export async function openExecuted(
  pool: pg.Pool,
  { flow, ...of }: { flow: ExecutedFlow; campaignId: string; channel: string },
): Promise<Fulfilling> {
  const id = { tenant, ...of };
  const executed = flow === 'automatic' ? automaticRecipe : executionsRecipe;
  const plan = { ...floorPlan, flow, recipe: [], executed, durationDays: 0 };
  await recordExecution(pool, id, { at: Date.now(), plan });
  const opening = await openFulfilment(pool, id);
  if (opening.next !== 'give') throw new Error(`The campaign was not opened: ${opening.next}`);
  return opening.fulfilment;
}

export async function stageEntitled(
  pool: pg.Pool,
  { ref, number }: Fulfilling,
  rows: Entitled[],
  { sweep, page }: { sweep: number; page: number },
): Promise<void> {
  const told = { rows, length: rows.length, controls: 0, malformed: 0 };
  await stagePage(pool, ref, stagingOf(number).first + sweep, page, told);
}

/** Cuts what was staged; returns the numbers of the batches, and when what they give ends. */
export async function cutExecuted(
  pool: pg.Pool,
  of: Fulfilling,
  { scheduledAt, durationDays }: { scheduledAt: number; durationDays: number },
): Promise<{ batches: number[]; endsAt: number }> {
  const { ref, number } = of;
  const told = executedSpan(scheduledAt, { leadTimeDays: 0, durationDays });
  const span = await fixSpan(pool, of, told);
  const fulfilment = { number, ...span, isDelayed: false, durationDays };
  const { batches } = await cutAudience(pool, ref, { fulfilment });
  await markCollected(pool, of);
  return {
    batches: Array.from({ length: batches }, (_, index) => index + 1),
    endsAt: span.endsAt,
  };
}
