import { findCampaign } from '../src/ledger/campaigns.ts';
import { createCampaign, order } from './campaign-sandbox.ts';
import { documentedLimit, tenant } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import { endOf, lastAnswerAt } from './flows-ledger.ts';
import { type FlowsPlace, withFlows } from './flows-place.ts';
import { judge } from './gate-judgement.ts';
import { until } from './gate-place.ts';

/** The margin that a tenant has where it says nothing: nothing new is given or approved within it. */
const marginSeconds = 30;

/** At a million customers; fewer have as much less time. */
const million = 1_000_000;
const largeSeconds = 600;
const smallSeconds = 60;

/** What came just before may have used up a window; then a campaign has one of its own. */
const leastSeconds = 2 * documentedLimit.perSeconds;

/** A large campaign with time to go and a small, urgent one share one key. */
export function benchTogether({ customers }: { customers: number }): Promise<Figure[]> {
  return withFlows({ flow: 'managed', isLimited: true }, async (place) => {
    const large = { name: 'the large', customers, seconds: largeSeconds };
    const small = {
      name: 'the small',
      customers: Math.ceil(customers / 100),
      seconds: smallSeconds,
    };
    const both = await Promise.all(
      [large, small].map(async (one) => ({ ...one, campaignId: await create(place, one) })),
    );
    await Promise.all(both.map(({ campaignId }) => order(place, campaignId, 'announce')));
    const figures: Figure[] = [];
    for (const one of both) figures.push(...(await follow(place, one)));
    return figures;

    function create(of: FlowsPlace, one: { customers: number; seconds: number }) {
      const toStop = Math.max(leastSeconds, (one.seconds - marginSeconds) * (customers / million));
      const deadlineInSeconds = Math.ceil(toStop + marginSeconds);
      return createCampaign(of, { customers: one.customers, deadlineInSeconds });
    }
  });
}

async function follow(
  place: FlowsPlace,
  { name, customers, campaignId }: { name: string; customers: number; campaignId: string },
): Promise<Figure[]> {
  const { ledger } = place;
  const id = { tenant, campaignId };
  const boundMs = 2 * largeSeconds * 1_000;
  await until(
    `${name} campaign is not over`,
    boundMs,
    async () => (await endOf(ledger, id)) !== undefined,
  );
  const stop = (await findCampaign(ledger, id))?.instants?.stop ?? Number.NaN;
  const { approved, denied, http429 } = await judge(place, campaignId);
  const left = (stop - (await lastAnswerAt(ledger, id, 'approve'))) / 60_000;
  const of = `together: ${name} campaign`;
  return [
    { what: `${of}, minutes left before its stop`, measured: left, atLeast: 0, unit: 'min' },
    { what: `${of}, not decided`, measured: customers - approved - denied, atMost: 0, unit: '' },
    { what: `${of}, answers 429`, measured: http429, atMost: 0, unit: '' },
  ];
}
