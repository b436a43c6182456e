import { dayIn } from '../domain/calendar.ts';
import { Fault } from '../domain/fault.ts';
import { executedPlanOf, followsExecution } from '../domain/tenant.ts';
import { findCampaign } from '../ledger/campaigns.ts';
import { isHeardOf, recordExecution } from '../ledger/fulfilments.ts';
import type { ExecutedCampaign, Optimove, Reading } from '../world.ts';
import { translated } from './failures.ts';
import { type Activated, settingsOf, worldOf } from './house.ts';
import { watched } from './watch.ts';

const dayMs = 86_400_000;

/** Event 13 comes when all of a channel was sent; what was scheduled so long ago and is silent was lost. */
const lostAfterMs = 900_000;

/** Activities that look for what Optimove should have told us of. */
export function executionActivities(house: Activated) {
  return {
    /**
     * Looks through the campaigns that Optimove has sent today and yesterday for those of which no event 13 has
     * come (API §5.6, §6.5). Returns how many it found; they are debts now, as if they had been told.
     */
    async findExecuted({ tenant }: { tenant: string }): Promise<number> {
      const settings = settingsOf(house, tenant);
      if (!followsExecution(settings)) return 0;
      return watched((signal) =>
        translated(async () => {
          const rank = { class: 'bulk', deadline: Date.now() + dayMs, stage: 0 } as const;
          const reading = { rank, signal };
          const { optimove } = worldOf(house, tenant);
          let found = 0;
          for (const at of [Date.now() - dayMs, Date.now()]) {
            const date = dayIn(settings.timeZone, at);
            for (const executed of await optimove.executedCampaigns(date, reading)) {
              if (executed.succeeded) found += await recordLost(house, tenant, executed, reading);
            }
          }
          if (found > 0) house.kickSettlement(tenant);
          return found;
        }),
      );
    },
  };
}

/** Records the channels of one campaign that were sent, and that nobody has told us of. */
async function recordLost(
  house: Activated,
  tenant: string,
  { campaignId }: ExecutedCampaign,
  reading: Reading,
): Promise<number> {
  const { pool, log } = house;
  const id = { tenant, campaignId };
  const plan = executedPlanOf(settingsOf(house, tenant));
  if (!plan && !(await findCampaign(pool, id))) return 0;
  if (await isHeardOf(pool, { ...id, channel: '' })) return 0;
  const { optimove } = worldOf(house, tenant);
  let found = 0;
  for (const channel of await channelsOf(optimove, campaignId, reading)) {
    if (await isHeardOf(pool, { ...id, channel })) continue;
    if (!(await isSent(optimove, campaignId, channel, reading))) continue;
    const effect = await recordExecution(pool, { ...id, channel }, { at: Date.now(), plan });
    if (effect !== 'fresh') continue;
    log.warn(
      { ...id, channel },
      'event 13 was lost: the sending was found in the executed campaigns',
    );
    found += 1;
  }
  return found;
}

async function channelsOf(
  optimove: Optimove,
  campaignId: string,
  reading: Reading,
): Promise<string[]> {
  try {
    return (await optimove.campaignDetails(campaignId, reading)).channelIds ?? [];
  } catch (error) {
    if (error instanceof Fault && error.kind === 'refused') return [];
    throw error;
  }
}

/** Whether a channel has been sent for long enough that its event 13 should have come. */
async function isSent(
  optimove: Optimove,
  campaignId: string,
  channelId: string,
  reading: Reading,
): Promise<boolean> {
  const page = { campaignId, channelId, skip: 0, top: 1 };
  const { length, scheduledAt } = await optimove.executedCustomers(page, reading);
  return length > 0 && (scheduledAt ?? 0) + lostAfterMs <= Date.now();
}
