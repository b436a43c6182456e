import type { CampaignOptions } from '../../sandbox/campaign.ts';
import { verify } from '../../src/ledger/invariants.ts';
import type { House } from './house.ts';
import { ended } from './judgement.ts';
import type { Tenancy } from './tenancy.ts';
import { until } from './until.ts';

export const flows = ['publisher', 'automatic', 'executions'] as const;
export type PlayedFlow = (typeof flows)[number];

/** A tenant whose campaigns go this way. */
export function tenancyOf(flow: PlayedFlow, more: Record<string, unknown> = {}): Tenancy {
  const scheduled = { executionDelayMinutes: 0, ...more };
  switch (flow) {
    case 'publisher':
      return {
        hasPublisher: true,
        section: { scheduled: { ...scheduled, conditional: 'publisher' } },
      };
    case 'automatic':
      return {
        section: { scheduled: { ...scheduled, conditional: 'off', executed: 'assignments' } },
      };
    case 'executions':
      return {
        section: {
          scheduled: { ...scheduled, conditional: 'off', executed: 'executions' },
          promotions: null,
        },
      };
  }
}

/** Makes a campaign and brings it as far as its sending; a publisher's one is handed over before. */
export async function bringToSending(
  house: House,
  tenant: string,
  flow: PlayedFlow,
  options: Omit<CampaignOptions, 'flow'>,
): Promise<string> {
  const id = house.createCampaign(tenant, {
    ...{ deadlineInSeconds: 120, executionDelayMinutes: 0, publisherDelayMs: 0 },
    ...options,
    flow,
  });
  if (flow === 'publisher') {
    await house.sandbox.announce(tenant, id);
    await ended(house, tenant, id);
    await until('the publisher has decided', () => {
      const { published, validated, refused, screenedOut } = house.sandbox.verdict(tenant, id);
      return published > 0 && validated + refused + screenedOut >= published;
    });
  }
  return id;
}

/** Waits until nothing more follows on a campaign's sending. */
export async function fulfilled(house: House, tenant: string, id: string, withinMs = 45_000) {
  await until(
    `what follows on the sending of campaign ${id} of ${tenant} ends`,
    async () => {
      const open = await house.pool.query<{ open: number; all: number }>(
        `select count(*) filter (where f.closed_at is null)::int as open, count(*)::int as all
         from fulfilment f join campaign c on c.ref = f.campaign join tenant t on t.ref = c.tenant
         where t.name = $1 and c.id = $2`,
        [tenant, id],
      );
      const [found] = open.rows;
      return found && found.all > 0 && found.open === 0;
    },
    withinMs,
  );
  return ended(house, tenant, id, withinMs);
}

/** Neither the ledger's invariants nor the far sides' books find anything wrong, and both count the same. */
export async function differences(house: House, tenant: string, id: string): Promise<string[]> {
  const invariants = await verify(house.pool, { tenant, campaign: id });
  const books = house.sandbox.verdict(tenant, id);
  const campaign = await until('the campaign is shown', () => house.read(tenant, id));
  const ours = {
    allocated: campaign.counts.states['allocated'] ?? 0,
    redeemed: campaign.counts.redemptions['told'] ?? 0,
  };
  return [
    ...invariants.flatMap(({ violated, examples }) => (violated > 0 ? examples : [])),
    ...books.violations,
    ...Object.entries(ours).flatMap(([name, count]) =>
      Reflect.get(books, name) === count
        ? []
        : [`${name}: the ledger counts ${count}, the far side ${Reflect.get(books, name)}`],
    ),
  ];
}
