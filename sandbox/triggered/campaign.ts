import { NotPlayable } from '../announcement.ts';
import { type Campaign, campaignOptions, createCampaign } from '../campaign.ts';
import { hash } from '../population.ts';
import type { Tenant } from '../tenant.ts';
import type { TriggeredOptions } from './options.ts';

const FIRST_CAMPAIGN = 88_120;

/** Makes a triggered campaign. It is a campaign like others to all who are called about it. */
export function addTriggered(tenant: Tenant, triggered: TriggeredOptions): Campaign {
  const number = tenant.numbered.length;
  const id = triggered.campaignId ?? FIRST_CAMPAIGN + number - 1;
  if (tenant.campaigns.has(String(id))) throw new NotPlayable(`campaign ${id} is already there`);
  const { customers, ids, deniedShare, declinedShare, noTierShare, codes, seed } = triggered;
  const shared = campaignOptions.parse({
    customers,
    ids,
    deniedShare,
    declinedShare,
    noTierShare,
    // Everybody who meets the trigger gets all codes of the action; nobody is kept as a control.
    controlShare: 0,
    severalCodesShare: 1,
    codes,
    seed,
    channels: triggered.channels.map((channel) => channel.id),
    activation: triggered.activation,
    approvalNeeds: triggered.approvalNeeds,
    hookUrl: triggered.hookUrl,
  });
  const uniqueCodes = codes.some((code) => (tenant.promotions.get(code)?.uniqueCodes ?? 0) > 0);
  const identity = { id, number, seed: hash(tenant.seed, 1, id), uniqueCodes };
  const campaign = createCampaign(shared, identity, Date.now(), triggered);
  tenant.campaigns.set(campaign.id, campaign);
  tenant.numbered.push(campaign);
  return campaign;
}
