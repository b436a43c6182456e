import type { CheckMeasures } from '../sandbox/triggered/check-books.ts';
import { watchProcessors } from './campaign-run.ts';
import { tellProcessor, timesText, verdictOf } from './gate-judgement.ts';
import { type GatePlace, rest } from './gate-place.ts';

export interface Shots {
  perSecond: number;
  seconds: number;
}

/** New customers for each of these shots, and some to spare: a repeat would be answered from the first. */
export function customersFor({ perSecond, seconds }: Shots): number {
  return Math.ceil(perSecond * seconds * 1.5) + 1_000;
}

/** How one stage went. */
export interface Measured {
  perSecond: number;
  measures: CheckMeasures;
  /** Processor seconds by process. */
  processor: Record<string, number>;
  /** Answers by cause; of the bare handler none. */
  causes: Map<string, number>;
  http429: number;
}

/** Fires checks at one of the two doors, open-loop, and waits for the last answer. */
export async function fireAt(
  place: GatePlace,
  door: 'gate' | 'bare',
  { perSecond, seconds }: Shots,
): Promise<Measured> {
  const { control } = place.sandbox;
  await rest();
  const { campaignId } = await control<{ campaignId: number }>('POST', 'triggered', {
    customers: customersFor({ perSecond, seconds }),
  });
  const gateUrl = door === 'gate' ? place.gateUrl : place.bareUrl;
  const before = await place.causes();
  const spent = watchProcessors(place.pids);
  const measures = await control<CheckMeasures>('POST', `campaigns/${campaignId}/checks`, {
    ...{ perSecond, forSeconds: seconds, gateUrls: [gateUrl], wait: true },
  });
  const processor = spent();
  const after = await place.causes();
  const causes = new Map([...after].map(([cause, n]) => [cause, n - (before.get(cause) ?? 0)]));
  const { http429 } = await verdictOf(place, campaignId);
  return { perSecond, measures, processor, causes, http429 };
}

/** Of all checks those that were answered inside Optimove's patience. */
export function inTimeOf({ measures }: Measured): number {
  return (measures.allowed + measures.denied) / Math.max(1, measures.checks);
}

const undecided = ['shed', 'late', 'ledger_away', 'failed'];

/** Of all checks those that a far side or a rule decided, not the want of time. */
export function decidedOf({ measures, causes }: Measured): number {
  const lost = undecided.reduce((sum, cause) => sum + (causes.get(cause) ?? 0), 0);
  return 1 - lost / Math.max(1, measures.checks);
}

export function tellStage(what: string, measured: Measured): void {
  const { measures, processor, causes } = measured;
  const { checks, late, unanswered, sendLagP99Ms } = measures;
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const why = [...causes].flatMap(([cause, count]) => (count > 0 ? [`${cause} ${count}`] : []));
  console.log(
    `  ${what}: ${checks} checks, ${timesText(measures)}; ` +
      `in time ${percent(inTimeOf(measured))}, decided ${percent(decidedOf(measured))}` +
      `${late + unanswered > 0 ? `, late ${late}, unanswered ${unanswered}` : ''}` +
      `; sent up to ${sendLagP99Ms} ms after its instant (p99)`,
  );
  tellProcessor(processor);
  if (why.length > 0) console.log(`      ${why.join(', ')}`);
}
