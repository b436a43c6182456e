import type { CampaignId } from '../domain/words.ts';
import { type CampaignRow, findCampaign } from '../ledger/campaigns.ts';
import { countCampaign } from '../ledger/counts.ts';
import { listCampaigns } from '../ledger/listing.ts';
import type { createPool } from '../ledger/pool.ts';

type Pool = ReturnType<typeof createPool>;
type Counts = Awaited<ReturnType<typeof countCampaign>>;

export interface ShownCampaign {
  campaign: CampaignRow;
  counts: Counts;
}

/** What an operator may ask of campaigns. */
export function createCampaigns(pool: Pool) {
  return {
    /** The latest campaigns of a tenant. */
    list: (tenant: string, limit: number) => listCampaigns(pool, tenant, limit),
    /** One campaign with its counts as they stand now; undefined where it never was announced. */
    async show(id: CampaignId): Promise<ShownCampaign | undefined> {
      const campaign = await findCampaign(pool, id);
      return campaign && { campaign, counts: await countCampaign(pool, campaign.ref) };
    },
  };
}
