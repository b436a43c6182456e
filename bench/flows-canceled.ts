import { order } from './campaign-sandbox.ts';
import { deadlineInSeconds, tenant } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import { countAllocated, endOf, eventAt, lastAnswerAt } from './flows-ledger.ts';
import { withFlows } from './flows-place.ts';
import { judge } from './gate-judgement.ts';
import { announceCampaign, until } from './gate-place.ts';

/** Half of a campaign goes by quickly. */
const lookEveryMs = 50;

/** A managed campaign is deleted half way: how long it takes to take back, beside how long it took to give. */
export function benchCanceled({ customers }: { customers: number }): Promise<Figure[]> {
  return withFlows({ flow: 'managed', isLimited: false }, async (place) => {
    const { ledger } = place;
    const campaign = { customers, deadlineInSeconds } as const;
    const campaignId = await announceCampaign(place, campaign);
    const id = { tenant, campaignId };
    const boundMs = 180_000 + 2 * customers;
    await until(
      'not half of it was given',
      boundMs,
      async () => (await countAllocated(ledger, id)) >= customers / 2,
      lookEveryMs,
    );
    const { answeredAtMs = Number.NaN } = await order(place, campaignId, 'cancel');
    const given = await countAllocated(ledger, id);
    await until(
      'not all was taken back',
      boundMs,
      async () => (await endOf(ledger, id)) === 'deleted',
    );
    const { revoked, allocated } = await judge(place, campaignId);
    if (allocated > 0) throw new Error(`${allocated} rewards of a deleted campaign are left`);
    const forth = ((await eventAt(ledger, id, 4)) - (await eventAt(ledger, id, 5))) / 1_000;
    const back = ((await lastAnswerAt(ledger, id, 'revoke')) - answeredAtMs) / 1_000;
    console.log(
      `  deleted after ${forth.toFixed(1)} s with ${given.toLocaleString('en')} allocations answered; ` +
        `${revoked.toLocaleString('en')} were taken back ${back.toFixed(1)} s after the answer to event 4`,
    );
    const what = 'canceled half way: to the last revocation, beside from event 5 to event 4';
    return [{ what, measured: back / forth, atMost: 1, unit: '×' }];
  });
}
