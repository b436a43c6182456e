import { createCampaign, order } from './campaign-sandbox.ts';
import { batchSize, tenant } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import { endsAtOf, hasAllEnded, isGiven, lastAnswerAt, rowsOfChange } from './flows-ledger.ts';
import { withFlows } from './flows-place.ts';
import { judge } from './gate-judgement.ts';
import { until } from './gate-place.ts';

const channel = 504;
const daySeconds = 86_400;

/** A platform is told of the end of a whole campaign: in how many calls, and what the ledger writes for it. */
export function benchExpiry({ customers }: { customers: number }): Promise<Figure[]> {
  return withFlows({ flow: 'executions', isLimited: false }, async (place) => {
    const { ledger, sandbox } = place;
    // All must have been given by then; nothing is given after the end.
    const lastsSeconds = 60 + Math.ceil(customers / batchSize);
    const campaignId = await createCampaign(place, {
      ...{ customers, flow: 'executions', channels: [channel] },
      ...{ codes: ['SPRING25'], severalCodesShare: 0, declinedShare: 0 },
      // It was scheduled for so long ago that its only day is nearly over.
      ...{ durationDays: 1, scheduledInSeconds: { [channel]: lastsSeconds - daySeconds } },
    });
    const id = { tenant, campaignId };
    await order(place, campaignId, 'execute');
    const boundMs = 180_000 + 2 * customers;
    await until('not all is given', boundMs, () => isGiven(ledger, id));
    const endBoundMs = lastsSeconds * 1_000 + boundMs;
    await until('not all has been taken back', endBoundMs, () => hasAllEnded(ledger, id));
    const { expired, allocated, calls } = await judge({ sandbox, ledger }, campaignId);
    if (expired !== customers || allocated > 0) {
      throw new Error(`Of ${customers} rewards ${expired} expired, and ${allocated} are held`);
    }
    const late = (await lastAnswerAt(ledger, id, 'revoke')) - (await endsAtOf(ledger, id));
    console.log(
      `  ${customers.toLocaleString('en')} rewards ended: the last was taken back ` +
        `${(late / 1_000).toFixed(1)} s after the end (expiry wakes at whole minutes)`,
    );
    return [
      {
        what: `expiry: revocation calls for ${customers.toLocaleString('en')} rewards`,
        measured: calls['revocations'] ?? 0,
        atMost: Math.ceil(customers / batchSize),
        unit: '',
      },
      {
        what: 'expiry: rows in change',
        measured: await rowsOfChange(ledger),
        atMost: 0,
        unit: '',
      },
    ];
  });
}
