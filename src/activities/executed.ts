import { type CampaignDetails, executedSpan } from '../domain/campaign.ts';
import { Fault } from '../domain/fault.ts';
import { type Audience, cutAudience } from '../ledger/audience.ts';
import { type CampaignRow, campaignOf, saveDetails } from '../ledger/campaigns.ts';
import { fixSpan, markCollected, noteSchedule } from '../ledger/fulfilment-spans.ts';
import { forgetStaged, stagingOf } from '../ledger/pages.ts';
import type { Reading } from '../world.ts';
import { guardAudience } from './audience.ts';
import { type Activated, worldOf } from './house.ts';
import { type ReadingStop, stageList } from './sweeps.ts';

// What all flows have in common that go on after event 13: whom Optimove has sent, and how they are cut.

/** Names one fulfilment by the ledger's own numbers. */
export interface FulfilmentRef {
  ref: number;
  number: number;
}

/** A fulfilment's own list, as its run names it. */
export type Executed = FulfilmentRef & { channel: string };

/** Who was found, and when what they are given begins and ends; epoch milliseconds. */
export type CollectedExecuted =
  | { stopped: ReadingStop }
  | ({ stopped: undefined; startsAt: number; endsAt: number } & Audience);

/** What Optimove does not know yet is like an empty list: data may lag the webhook (API §3). */
export async function ifKnown<T>(
  house: Activated,
  { ref }: Executed,
  read: () => Promise<T>,
): Promise<T | { stopped: ReadingStop } | undefined> {
  const stopped = await stopsReading(house, ref);
  if (stopped) return { stopped };
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.kind === 'unauthorized') return { stopped: 'halted' };
    if (error.status === 404) return undefined;
    throw error;
  }
}

/** Reads whom Optimove has sent a campaign through one channel, and for when that was scheduled. */
export function stageExecutions(
  house: Activated,
  { ref, campaignId, tenant, plan }: CampaignRow,
  { number, channel }: Executed,
  reading: Reading,
) {
  const { pool } = house;
  const { optimove } = worldOf(house, tenant);
  const channelId = channel === '' ? undefined : channel;
  return stageList(
    pool,
    {
      ...{ ref, staging: stagingOf(number), top: plan?.pageSize ?? 10_000 },
      async read(page) {
        const read = await optimove.executedCustomers({ campaignId, channelId, ...page }, reading);
        await noteSchedule(pool, { ref, number }, read.scheduledAt);
        return read;
      },
      stops: () => stopsReading(house, ref),
    },
    reading.signal,
  );
}

export async function stopsReading(
  { pool }: Activated,
  ref: number,
): Promise<ReadingStop | undefined> {
  const { fence, halted } = await campaignOf(pool, ref);
  if (fence) return 'fenced';
  return halted ? 'halted' : undefined;
}

/** How long what is given lasts only the details tell: without them nothing is given yet. */
export async function detailsNow(
  house: Activated,
  { ref, tenant, campaignId, details }: CampaignRow,
  reading: Reading,
): Promise<CampaignDetails & { durationDays: number }> {
  const told =
    details ?? (await worldOf(house, tenant).optimove.campaignDetails(campaignId, reading));
  const { durationDays } = told;
  if (durationDays === undefined) {
    throw new Error(`GetCampaignDetails tells no Duration of campaign ${campaignId}`);
  }
  if (!details) await saveDetails(house.pool, ref, told);
  return { ...told, durationDays };
}

/** Cuts what was staged; who has the code already, by another channel, is left out. */
export async function cutExecuted(
  house: Activated,
  campaign: CampaignRow,
  executed: Executed,
  details: CampaignDetails & { durationDays: number },
  counted: number | undefined,
): Promise<CollectedExecuted> {
  const { pool } = house;
  const { ref, number } = executed;
  const { leadTimeDays = 0, durationDays } = details;
  const execution = await noteSchedule(pool, executed, undefined);
  const span = await fixSpan(
    pool,
    executed,
    executedSpan(execution, { leadTimeDays, durationDays }),
  );
  const fulfilment = { number, ...span, isDelayed: leadTimeDays > 0, durationDays };
  const audience = await cutAudience(pool, ref, { counted, fulfilment });
  if (audience.customers === 0) {
    await forgetStaged(pool, ref, stagingOf(number));
    return { stopped: undefined, ...span, ...audience };
  }
  await guardAudience(house, campaign, audience.customers);
  await markCollected(pool, executed);
  return { stopped: undefined, ...span, ...audience };
}
