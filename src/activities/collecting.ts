import { executedSpan } from '../domain/campaign.ts';
import { countBatches } from '../ledger/batches.ts';
import { type CampaignRow, campaignOf, fixExpiry, saveDetails } from '../ledger/campaigns.ts';
import { countTold } from '../ledger/counts.ts';
import { giveUpEffects } from '../ledger/effects.ts';
import { fixSpan, markCollected, noteSchedule } from '../ledger/fulfilment-spans.ts';
import { countStaged, forgetStaged, stagingOf } from '../ledger/pages.ts';
import { markSent } from '../ledger/sent.ts';
import { expiryOfCampaign } from '../stages/allocate.ts';
import type { Reading } from '../world.ts';
import { readDetails, readingFor } from './audience.ts';
import { collectAwarded } from './awarded.ts';
import {
  type CollectedExecuted,
  cutExecuted,
  detailsNow,
  type Executed,
  ifKnown,
  stageExecutions,
} from './executed.ts';
import { type Activated, worldOf } from './house.ts';
import type { ReadingStop } from './sweeps.ts';

/** How many customers were sent a campaign through one channel, and of how many Optimove was told true. */
export type CollectedSent =
  | { stopped: ReadingStop }
  | { stopped: undefined; customers: number; told: number };

/** Finds everybody who is to be given something after the sending, by the flow of the campaign. */
export async function collect(
  house: Activated,
  executed: Executed,
  signal: AbortSignal,
): Promise<CollectedExecuted> {
  const campaign = await campaignOf(house.pool, executed.ref);
  const reading = readingFor(campaign, signal);
  const found = await ifKnown(house, executed, () => {
    switch (campaign.plan?.flow) {
      case 'executions':
        return collectSentTo(house, campaign, executed, reading);
      case 'automatic':
        return collectAwarded(house, campaign, executed, reading);
      default:
        return collectPublished(house, campaign, executed, reading);
    }
  });
  return found ?? { stopped: undefined, startsAt: 0, endsAt: 0, customers: 0, batches: 0 };
}

/** Reads whom Optimove has sent a managed campaign through one channel, and marks them. */
export async function collectSent(
  house: Activated,
  executed: Executed,
  signal: AbortSignal,
): Promise<CollectedSent> {
  const { pool } = house;
  const { ref, number } = executed;
  const staging = stagingOf(number);
  const campaign = await campaignOf(pool, ref);
  const reading = readingFor(campaign, signal);
  const read = await ifKnown(house, executed, async () => {
    const { campaignId, details } = campaign;
    if (!details?.channelIds) {
      const { optimove } = worldOf(house, campaign.tenant);
      await saveDetails(pool, ref, await optimove.campaignDetails(campaignId, reading));
    }
    return stageExecutions(house, campaign, executed, reading);
  });
  if (read?.stopped) return { stopped: read.stopped };
  const customers = await countStaged(pool, ref, staging);
  if (customers === 0) {
    await forgetStaged(pool, ref, staging);
  } else {
    await markSent(pool, ref, number);
  }
  return { stopped: undefined, customers, told: await countTold(pool, ref) };
}

/** Flow 1 of the guide "Promotion System Integration": whoever was sent, with the codes of the campaign. */
async function collectSentTo(
  house: Activated,
  campaign: CampaignRow,
  executed: Executed,
  reading: Reading,
): Promise<CollectedExecuted> {
  const details = await detailsNow(house, campaign, reading);
  const { stopped, counted } = await stageExecutions(house, campaign, executed, reading);
  if (stopped) return { stopped };
  return cutExecuted(house, campaign, executed, details, counted);
}

/** The publisher flow: its customers are in the ledger; their rewards end with the campaign. */
async function collectPublished(
  house: Activated,
  campaign: CampaignRow,
  executed: Executed,
  reading: Reading,
): Promise<CollectedExecuted> {
  const { pool } = house;
  const { ref, plan, tenant } = campaign;
  if (!plan) throw new Error(`Campaign ${campaign.campaignId} was never opened`);
  await giveUpEffects(pool, ref, 'its awards tell what came of it', { kinds: ['publish'] });
  const details = await readDetails(house, campaign, worldOf(house, tenant).optimove, reading);
  const told = { ...campaign, details };
  const endsAt = await fixExpiry(pool, ref, expiryOfCampaign({ campaign: told, plan }));
  const execution = await noteSchedule(pool, executed, undefined);
  const lasts = { leadTimeDays: details?.leadTimeDays ?? 0, durationDays: plan.durationDays };
  const { startsAt } = executedSpan(execution, lasts);
  const span = await fixSpan(pool, executed, { startsAt, endsAt });
  await markCollected(pool, executed);
  const batches = await countBatches(pool, ref);
  return { stopped: undefined, ...span, customers: batches, batches };
}
