import type { EventMeasures } from '../sandbox/triggered/event-books.ts';
import { watchProcessors } from './campaign-run.ts';
import { tenant } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import { customersFor, type Shots } from './gate-fire.ts';
import { judge, tellProcessor, timesText } from './gate-judgement.ts';
import { type Place, rest, until, withPlace } from './gate-place.ts';

/** Events 11 a second. */
const usual = 1_000;

const channelId = 611;
const section = { triggered: { gate: true }, listeners: { 11: [channelId] } };

/** Many times what it may take; only what hangs comes to it. */
const givenWithinMs = 600_000;

interface Given {
  measures: EventMeasures;
  /** From the arrival of the last event to the answer of the last allocation. */
  lastSeconds: number;
  /** Processor seconds by process, until all was given. */
  processor: Record<string, number>;
}

/** Events 11 at a fixed rate of arrival, each of a customer who was never heard of; there is no limit. */
export function benchEvents(seconds: number, profile: string | undefined): Promise<Figure[]> {
  return withPlace({ isLimited: false, profile, section }, async (place) => {
    await fireEvents(place, { perSecond: 200, seconds: 2 });
    const { measures, lastSeconds, processor } = await fireEvents(place, {
      perSecond: usual,
      seconds,
    });
    const { events, heard, maxMs } = measures;
    console.log(
      `  ${usual}/s, events 11: ${events} events in ${seconds} s, ${timesText(measures)}; ` +
        `all given ${lastSeconds.toFixed(1)} s after the last`,
    );
    tellProcessor(processor);
    return [
      { what: 'longest answer to an event 11', measured: maxMs, atMost: 250, unit: 'ms' },
      { what: 'events 11 not answered 200', measured: events - heard, atMost: 0, unit: '' },
      {
        what: 'from the last event to the last reward',
        measured: lastSeconds,
        atMost: 60,
        unit: 's',
      },
    ];
  });
}

/** Fires events 11 and waits until all is given. Throws where somebody holds nothing then. */
async function fireEvents(place: Place, { perSecond, seconds }: Shots): Promise<Given> {
  const { sandbox, hookUrl } = place;
  await rest();
  const { campaignId } = await sandbox.control<{ campaignId: number }>('POST', 'triggered', {
    ...{ customers: customersFor({ perSecond, seconds }), channels: [{ id: channelId }] },
    // Everybody is to be given: a refusal costs no allocation.
    ...{ deniedShare: 0, declinedShare: 0, noTierShare: 0 },
  });
  const spent = watchProcessors(place.pids);
  const measures = await sandbox.control<EventMeasures>('POST', `campaigns/${campaignId}/events`, {
    ...{ perSecond, forSeconds: seconds, hookUrl, wait: true },
  });
  await until('not all events 11 are given', givenWithinMs, () => isAllGiven(place));
  const processor = spent();
  const { allocated } = await judge(place, campaignId);
  if (allocated < measures.heard) {
    throw new Error(`Of ${measures.heard} events 11 only ${allocated} gave the reward`);
  }
  return { measures, processor, lastSeconds: await secondsToLast(place, String(campaignId)) };
}

/** No event waits to be heard, and no pool has something left to give. */
async function isAllGiven({ ledger }: Place): Promise<boolean> {
  const { rows } = await ledger.query<{ isAllGiven: boolean }>(
    `select not exists (select from inbox where status = 'queued')
       and not exists (select from batch where grants and not finished) as "isAllGiven"`,
  );
  return rows[0]?.isAllGiven === true;
}

async function secondsToLast({ ledger }: Place, campaignId: string): Promise<number> {
  const { rows } = await ledger.query<{ seconds: number }>(
    `select extract(epoch from max(e.answered) - (select max(i.received_at) from inbox i
         where i.tenant = c.tenant and i.campaign = c.id and i.type = 11))::float8 as seconds
     from campaign c join tenant t on t.ref = c.tenant
     join effect e on e.campaign = c.ref and e.kind = 'allocate'
     where t.name = $1 and c.id = $2 group by c.ref`,
    [tenant, campaignId],
  );
  return rows[0]?.seconds ?? Number.NaN;
}
