import type { Plan } from '../../src/domain/campaign.ts';
import type { AudienceRow } from '../../src/world.ts';
import { cutOf, fulfilmentId, openedFulfilment, stageOf } from '../ledger/executed.ts';
import type { TestLedger } from '../ledger/ledger.ts';
import { playBatch } from './batch.ts';

/** One batch of a campaign that Optimove has sent, cut by the fulfilment of its channel. */
export async function openExecuted(
  ledger: TestLedger,
  rows: AudienceRow[],
  given: { plan: Plan } & NonNullable<Parameters<typeof cutOf>[2]>,
) {
  const id = fulfilmentId();
  const { plan, ...span } = given;
  const of = await openedFulfilment(ledger.pool, id, { plan });
  await stageOf(ledger.pool, of, rows);
  const { startsAt, endsAt } = await cutOf(ledger.pool, of, span);
  const { ref, number } = of;
  return { ...playBatch(ledger, { ref, id }), fulfilment: { ref, number }, startsAt, endsAt };
}
