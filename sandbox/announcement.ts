import { z } from 'zod';
import type { Campaign } from './campaign.ts';
import { localTime, wholeSecond } from './local-time.ts';
import type { Tenant } from './tenant.ts';
import { type Delivery, isHeard, sendHook } from './webhooks.ts';

export const sendingOptions = z.strictObject({
  /** How often the same hook is sent. */
  times: z.int().positive().default(1),
  /** All at once, or one after the other's answer. */
  parallel: z.boolean().default(false),
  delayMs: z.number().nonnegative().default(0),
  /** It happened, and the hook that should tell of it never leaves. */
  lost: z.boolean().default(false),
  /** Laid over the documented payload; a field set to null is left out. */
  payload: z.record(z.string(), z.unknown()).default({}),
  hookUrl: z.url().optional(),
});

export type SendingOptions = z.input<typeof sendingOptions>;

/** Asked for something that is not there, or makes no sense: the control answers 4xx with it. */
export class NotPlayable extends Error {}

/** The payload of API §5.7 for a campaign that is on hold until its deadline. */
export function eventFive(tenant: Tenant, campaign: Campaign) {
  const { TimeStamp, CampaignID } = stamp(tenant, campaign);
  return {
    EventTypeID: 5,
    TimeStamp,
    CampaignID,
    CampaignDuration: campaign.options.durationDays,
    ClearanceRequiredBy: localTime(campaign.deadlineMs ?? 0, tenant.options.timeZone),
  };
}

/** Every hook of a campaign is stamped at least a second after the one before. */
export function stamp(tenant: Tenant, campaign: Campaign) {
  campaign.toldAtMs = Math.max(wholeSecond(Date.now()), campaign.toldAtMs + 1000);
  return {
    TimeStamp: localTime(campaign.toldAtMs, tenant.options.timeZone),
    CampaignID: Number(campaign.id),
  };
}

/** Sends one event as often as asked; rejects when nobody said where to. */
export async function tell(
  tenant: Tenant,
  campaign: Campaign,
  eventTypeId: number,
  documented: Record<string, unknown>,
  options: SendingOptions,
): Promise<Delivery[]> {
  const { times, parallel, delayMs, lost, payload, hookUrl } = sendingOptions.parse(options);
  const url = hookUrl ?? campaign.options.hookUrl ?? tenant.options.hookUrl;
  if (url === undefined) throw new NotPlayable('no hookUrl was told');
  const laid = Object.entries({ ...documented, ...payload }).filter(([, value]) => value !== null);
  const hook = {
    url,
    campaignId: campaign.id,
    eventTypeId,
    lost,
    payload: Object.fromEntries(laid),
  };
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  const sendOne = async () => {
    const deliveries = await sendHook(tenant, hook);
    if (eventTypeId === 4) hearCancellation(campaign, deliveries);
    return deliveries;
  };
  if (parallel) return (await Promise.all(Array.from({ length: times }, sendOne))).flat();
  const deliveries: Delivery[] = [];
  for (let time = 0; time < times; time += 1) deliveries.push(...(await sendOne()));
  return deliveries;
}

/** From the first 200 on, the tenant knows that the campaign is gone. */
function hearCancellation(campaign: Campaign, deliveries: Delivery[]): void {
  for (const { answeredAtMs } of deliveries.filter(isHeard)) {
    if (answeredAtMs === undefined) continue;
    campaign.cancelHeardAtMs = Math.min(campaign.cancelHeardAtMs ?? answeredAtMs, answeredAtMs);
  }
}
