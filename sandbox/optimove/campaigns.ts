import { type Answer, answer, type Call } from '../call.ts';
import type { Campaign } from '../campaign.ts';
import { localDate } from '../local-time.ts';
import { campaignAsked } from './audience.ts';
import { queryOf } from './paging.ts';

/** GetCampaignDetails (API §6.1). The campaign's own id is not in the body. */
export function getCampaignDetails(call: Call): Answer {
  const campaign = campaignAsked(call);
  return answer(200, {
    ...summary(campaign),
    TestGroupSize: campaign.options.customers,
    ControlGroupSize: campaign.population.controls,
    Channels: campaign.options.channels.map((Id) => ({ Id })),
    Tags: [],
  });
}

/** GetExecutedCampaignDetails (API §6.5): what was executed on a day of the tenant's calendar. */
export function getExecutedCampaigns(call: Call): Answer {
  const date = queryOf(call, 'Date');
  const { timeZone } = call.tenant.options;
  const executed = [...call.tenant.campaigns.values()].filter(
    ({ executedAtMs }) => executedAtMs !== undefined && localDate(executedAtMs, timeZone) === date,
  );
  return answer(
    200,
    executed.map((campaign) => ({ CampaignID: Number(campaign.id), ...summary(campaign) })),
  );
}

/** GetLastDataUpdate (API §6.7): the cheap probe of a key. */
export function getLastDataUpdate(call: Call): Answer {
  return answer(200, { Date: localDate(call.arrivedAtMs, call.tenant.options.timeZone) });
}

function summary(campaign: Campaign) {
  return {
    TargetGroupID: 31,
    CampaignType: 'Test/Control',
    Duration: campaign.options.durationDays,
    LeadTime: campaign.options.leadTimeDays,
    Notes: '',
    IsMultiChannel: campaign.options.channels.length > 1 ? 'true' : 'false',
    IsRecurrence: 'false',
    Status: 'Successful',
    Error: '',
  };
}
