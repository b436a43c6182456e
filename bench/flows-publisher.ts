import { setTimeout as delay } from 'node:timers/promises';
import { order } from './campaign-sandbox.ts';
import { deadlineInSeconds, documentedLimit } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import { collectedAt, endOf, eventAt, isGiven, lastAnswerAt } from './flows-ledger.ts';
import { type FlowsPlace, withFlows } from './flows-place.ts';
import { judge } from './gate-judgement.ts';
import { announceCampaign, until } from './gate-place.ts';
import { besideLimiter } from './limiter-floor.ts';

/** The publisher flow under Optimove's limit, which Promotions shares; the publisher has none. */
export function benchPublisher({ customers }: { customers: number }): Promise<Figure[]> {
  return withFlows({ flow: 'publisher', isLimited: true }, async (place) => {
    const { ledger } = place;
    const boundMs = 300_000 + 2 * customers;
    const campaign = { customers, flow: 'publisher', deadlineInSeconds } as const;
    const campaignId = await announceCampaign(place, campaign);
    const id = { tenant: place.sandbox.tenant, campaignId };
    await until('not all is published', boundMs, async () => {
      const reason = await endOf(ledger, id);
      if (reason === undefined || reason === 'decided') return reason !== undefined;
      throw new Error(`The campaign ended ${reason}`);
    });
    const published = {
      seconds: ((await lastAnswerAt(ledger, id, 'publish')) - (await eventAt(ledger, id, 5))) / 1e3,
      calls: await limitedCalls(place),
    };
    tell('event 5 to the last publication', published);
    const collected = (await collectedAt(ledger, id)) - (await eventAt(ledger, id, 5));
    console.log(`    of that, until the audience was cut: ${(collected / 1e3).toFixed(1)} s`);
    // The publisher has worked on its last batch by then, and each half begins with an open window.
    await delay((documentedLimit.perSeconds + 1) * 1_000);
    await order(place, campaignId, 'execute');
    await until('not all awards are given', boundMs, () => isGiven(ledger, id));
    const given = {
      seconds:
        ((await lastAnswerAt(ledger, id, 'allocate')) - (await eventAt(ledger, id, 13))) / 1e3,
      calls: (await limitedCalls(place)) - published.calls,
    };
    tell('event 13 to the last allocation', given);
    const { http429 } = await judge(place, campaignId);
    const flow = {
      seconds: published.seconds + given.seconds,
      calls: published.calls + given.calls,
    };
    return [
      ...besideLimiter('publisher: both halves', flow),
      ...besideLimiter('publisher: event 13 to the last allocation', given),
      { what: 'publisher: answers 429', measured: http429, atMost: 0, unit: '' },
    ];
  });
}

/** Calls so far that count against the allowance. The publisher's own do not. */
async function limitedCalls({ sandbox }: FlowsPlace): Promise<number> {
  const { arrivals, calls } = await sandbox.control<{
    arrivals: number[];
    calls: Record<string, number>;
  }>('GET', 'traffic');
  return arrivals.length - (calls['publish'] ?? 0);
}

function tell(what: string, { seconds, calls }: { seconds: number; calls: number }): void {
  console.log(`  ${what}: ${seconds.toFixed(1)} s, ${calls} limited calls`);
}
