import { type SendingOptions, stamp, tell } from '../announcement.ts';
import type { Campaign } from '../campaign.ts';
import type { Tenant } from '../tenant.ts';
import type { Delivery } from '../webhooks.ts';
import { executeCampaign } from './execution.ts';
import { type ExecutionOptions, executionOptions } from './options.ts';

/** What may be asked of Optimove when a campaign's time has come. */
export function createExecutionOrders(
  tenantOf: (name: string) => Tenant,
  campaignOf: (name: string, id: string | number) => Campaign,
) {
  return {
    /**
     * The campaign is sent through its channels, or through the one that is named: awards of that profile
     * and the rows of who was sent appear; then event 13 is sent for each, or event 1 without a channel.
     */
    async execute(
      name: string,
      id: string | number,
      options: ExecutionOptions = {},
    ): Promise<Delivery[]> {
      const tenant = tenantOf(name);
      const campaign = campaignOf(name, id);
      const { channelId, event, ...sending } = executionOptions.parse(options);
      const channels = channelId === undefined ? campaign.options.channels : [channelId];
      await executeCampaign(tenant, campaign, channels);
      const told = event === 1 ? [undefined] : channels;
      const deliveries: Delivery[] = [];
      for (const ChannelID of told) {
        deliveries.push(...(await tellExecution(tenant, campaign, event, ChannelID, sending)));
      }
      return deliveries;
    },
  };
}

function tellExecution(
  tenant: Tenant,
  campaign: Campaign,
  event: 13 | 1,
  ChannelID: number | undefined,
  sending: SendingOptions,
): Promise<Delivery[]> {
  const payload = { EventTypeID: event, ...stamp(tenant, campaign) };
  const documented = ChannelID === undefined ? payload : { ...payload, ChannelID };
  return tell(tenant, campaign, event, documented, sending);
}
