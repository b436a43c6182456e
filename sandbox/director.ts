import { z } from 'zod';
import {
  eventFive,
  NotPlayable,
  type SendingOptions,
  sendingOptions,
  stamp,
  tell,
} from './announcement.ts';
import {
  type Campaign,
  type CampaignOptions,
  campaignOptions,
  createCampaign,
} from './campaign.ts';
import { readCustomer } from './customer.ts';
import { createExecutionOrders } from './executed/director.ts';
import { createFaults, type FaultRule, faultRule } from './faults.ts';
import { wholeSecond } from './local-time.ts';
import { latencyOptions, profileOptions, promotionChange } from './options.ts';
import { hash } from './population.ts';
import { changePromotion } from './promotions/promotion.ts';
import type { Tenant } from './tenant.ts';
import { createTriggerOrders } from './triggered/director.ts';
import { judgeCampaign } from './verdict.ts';
import { isHeard } from './webhooks.ts';

export const deadlineOptions = sendingOptions.extend({
  deadlineInSeconds: z.number().optional(),
  clearanceRequiredBy: z.iso.datetime({ offset: true }).optional(),
});

export const faultsOptions = z.strictObject({
  rules: z.array(faultRule),
  seed: z.int().nonnegative().optional(),
});

export type DeadlineOptions = z.input<typeof deadlineOptions>;

/** Everything a test or the control API may ask of the far sides: one list, each a few lines. */
export function createDirector(tenants: Map<string, Tenant>) {
  const tenantOf = (name: string): Tenant => {
    const tenant = tenants.get(name);
    if (tenant === undefined) throw new NotPlayable(`no tenant ${name}`);
    return tenant;
  };
  const campaignOf = (name: string, id: string | number): Campaign => {
    const campaign = tenantOf(name).campaigns.get(String(id));
    if (campaign === undefined) throw new NotPlayable(`no campaign ${id} of ${name}`);
    return campaign;
  };

  return {
    ...createTriggerOrders(tenantOf, campaignOf),
    ...createExecutionOrders(tenantOf, campaignOf),

    /** Makes a campaign; nobody is told before `announce`. Returns its id. */
    createCampaign(name: string, options: CampaignOptions): string {
      return addCampaign(tenantOf(name), options).id;
    },

    /** Sends event 5 (API §5.7). The deadline is fixed by the first announcement. */
    announce(name: string, id: string | number, options: SendingOptions = {}) {
      const campaign = campaignOf(name, id);
      campaign.deadlineMs ??= deadlineFrom(campaign.options) ?? 0;
      campaign.deadlinesMs.push(campaign.deadlineMs);
      campaign.announced = true;
      return tell(tenantOf(name), campaign, 5, eventFive(tenantOf(name), campaign), options);
    },

    /** Sends event 5 with another deadline and a later TimeStamp. */
    async reschedule(name: string, id: string | number, options: DeadlineOptions) {
      const campaign = campaignOf(name, id);
      const { deadlineInSeconds, clearanceRequiredBy, ...sending } = options;
      const deadlineMs = deadlineFrom({ deadlineInSeconds, clearanceRequiredBy });
      if (deadlineMs === undefined) throw new NotPlayable('reschedule needs a deadline');
      const before = campaign.deadlineMs ?? 0;
      campaign.deadlineMs = deadlineMs;
      campaign.deadlinesMs.push(deadlineMs);
      campaign.announced = true;
      const payload = eventFive(tenantOf(name), campaign);
      // An earlier deadline binds nobody who was not told of it.
      campaign.deadlineMs = Math.max(before, deadlineMs);
      const deliveries = await tell(tenantOf(name), campaign, 5, payload, sending);
      if (deliveries.some(isHeard)) campaign.deadlineMs = deadlineMs;
      return deliveries;
    },

    /** Deletes the campaign: event 4, and the list of canceled customers for two hours. */
    async cancel(name: string, id: string | number, options: SendingOptions = {}) {
      const campaign = campaignOf(name, id);
      campaign.canceledAtMs ??= Date.now();
      const payload = { EventTypeID: 4, ...stamp(tenantOf(name), campaign) };
      return tell(tenantOf(name), campaign, 4, payload, options);
    },

    /** Replaces the tenant's faults and counts its calls from 1 again; no rules: no faults. */
    setFaults(name: string, rules: FaultRule[], seed?: number): void {
      const tenant = tenantOf(name);
      const parsed = rules.map((rule) => faultRule.parse(rule));
      tenant.faults = createFaults(parsed, seed ?? tenant.seed, Date.now());
    },

    setProfile(name: string, change: z.input<typeof profileOptions>): void {
      const tenant = tenantOf(name);
      tenant.profile = profileOptions.parse({ ...tenant.profile, ...change });
    },

    setLatencies(name: string, change: z.input<typeof latencyOptions>): void {
      const tenant = tenantOf(name);
      tenant.latencyMs = latencyOptions.parse({ ...tenant.latencyMs, ...change });
    },

    /** Makes every key of the tenant wrong (401), or right again. */
    breakKey(name: string, isBroken: boolean): void {
      tenantOf(name).keyBroken = isBroken;
    },

    changePromotion(name: string, code: string, change: z.input<typeof promotionChange>): void {
      const promotion = tenantOf(name).promotions.get(code);
      if (promotion === undefined) throw new NotPlayable(`no promotion ${code} of ${name}`);
      changePromotion(promotion, promotionChange.parse(change));
    },

    verdict: (name: string, id: string | number) =>
      judgeCampaign(tenantOf(name), campaignOf(name, id)),

    customer(name: string, id: string | number, customerId: string) {
      const found = readCustomer(tenantOf(name), campaignOf(name, id), customerId);
      if (found === undefined) throw new NotPlayable(`no customer ${customerId}`);
      return found;
    },

    /** All hooks sent so far with the answers they got, in the order of sending. */
    hooks: (name: string) => tenantOf(name).deliveries,

    /**
     * The tenant's traffic as a whole: `arrivals` of the limited calls let in, epoch ms, and the
     * `timeline` of all calls that were acted on.
     */
    traffic(name: string) {
      const tenant = tenantOf(name);
      const { calls, http429, unauthorized, refusedKeys, arrivals, timeline, faults } = tenant;
      return {
        calls: Object.fromEntries(calls),
        http429,
        unauthorized,
        refusedKeys,
        faults: faults.struck(),
        arrivals,
        timeline,
      };
    },
  };
}

export type Director = ReturnType<typeof createDirector>;

const FIRST_CAMPAIGN = 70_412;

function addCampaign(tenant: Tenant, options: CampaignOptions): Campaign {
  const parsed = campaignOptions.parse(options);
  const number = tenant.numbered.length;
  const id = parsed.campaignId ?? FIRST_CAMPAIGN + number - 1;
  if (tenant.campaigns.has(String(id))) throw new NotPlayable(`campaign ${id} is already there`);
  const uniqueCodes = parsed.codes.some(
    (code) => (tenant.promotions.get(code)?.uniqueCodes ?? 0) > 0,
  );
  const seed = hash(tenant.seed, 1, id);
  const campaign = createCampaign(parsed, { id, number, seed, uniqueCodes }, Date.now());
  tenant.campaigns.set(campaign.id, campaign);
  tenant.numbered.push(campaign);
  return campaign;
}

function deadlineFrom(options: {
  deadlineInSeconds?: number | undefined;
  clearanceRequiredBy?: string | undefined;
}): number | undefined {
  const { clearanceRequiredBy, deadlineInSeconds } = options;
  if (clearanceRequiredBy !== undefined) return wholeSecond(Date.parse(clearanceRequiredBy));
  return deadlineInSeconds === undefined
    ? undefined
    : wholeSecond(Date.now() + deadlineInSeconds * 1000);
}
