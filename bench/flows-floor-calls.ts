import { batchSize } from './campaign-tenant.ts';
import type { FloorHttp } from './floor-http.ts';

// What is read of a campaign that Optimove has sent, as plainly as the calls of a floor are made.

/** One customer who was sent a campaign through a channel (API §6.3). */
export interface ExecutionRow {
  CustomerID: string;
  ActionID: number | string;
  PromoCode: string | null;
  ScheduleTime: string;
}

/** One item of Customer Assignment (API §10.6). */
export interface AwardRow {
  customerId: string;
  promocodeId: string;
  rewards: { rewardTypeId: string; rewardType?: string; value: number }[];
}

export type ExecutedCalls = ReturnType<typeof createExecutedCalls>;

export function createExecutedCalls(
  { read }: FloorHttp,
  { campaignId, channel }: { campaignId: string; channel: string },
) {
  const list = '/v1/promotions/customerAssignments';
  const awards = async (body: Record<string, unknown>): Promise<AwardRow[]> => {
    const asked = { occurrenceId: campaignId, ...body, take: batchSize };
    return (await read<{ items: AwardRow[] }>('promotions', list, asked)).items;
  };
  return {
    executions: (skip: number, top = batchSize) =>
      read<ExecutionRow[]>(
        'optimove',
        `/Customers/GetCustomerExecutionDetailsByCampaign?CampaignID=${campaignId}&ChannelID=${channel}&$top=${top}&$skip=${skip}`,
      ),

    awards: (skip: number) => awards({ skip }),

    /** Those of these customers alone, page by page, until everybody is found. */
    async awardsOf(promocodeId: string, customerIds: readonly string[]): Promise<AwardRow[]> {
      const found: AwardRow[] = [];
      for (let skip = 0, length = batchSize; length === batchSize; skip += batchSize) {
        const items = await awards({ promocodeId, customerIds, skip });
        found.push(...items);
        length = found.length < customerIds.length ? items.length : 0;
      }
      return found;
    },
  };
}
