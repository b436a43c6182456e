import { audienceActivities } from './audience.ts';
import { batchActivities } from './batch.ts';
import { campaignActivities } from './campaign.ts';
import { executionActivities } from './executions.ts';
import { fulfilmentActivities } from './fulfilment.ts';
import { grantActivities } from './grants.ts';
import type { Activated } from './house.ts';
import { operatorActivities } from './operators.ts';
import { reconciliationActivities } from './reconciliation.ts';
import { upkeepActivities } from './upkeep.ts';

/** Everything a workflow may ask for; each does one stage or one reading, and may run twice. */
export function createActivities(house: Activated) {
  return {
    ...campaignActivities(house),
    ...audienceActivities(house),
    ...batchActivities(house),
    ...operatorActivities(house),
    ...upkeepActivities(house),
    ...grantActivities(house),
    ...fulfilmentActivities(house),
    ...executionActivities(house),
    ...reconciliationActivities(house),
  };
}

export type Activities = ReturnType<typeof createActivities>;
