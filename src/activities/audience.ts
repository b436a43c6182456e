import type { CampaignDetails } from '../domain/campaign.ts';
import { Fault } from '../domain/fault.ts';
import { type Audience, cutAudience } from '../ledger/audience.ts';
import {
  type CampaignRow,
  campaignOf,
  saveDetails,
  startRunning,
  urgencyOf,
} from '../ledger/campaigns.ts';
import { holdByGuard, releasedOf } from '../ledger/guards.ts';
import { countStaged, forgetStaged, stagePage, stagingOf } from '../ledger/pages.ts';
import type { Pool } from '../ledger/pool.ts';
import type { Optimove, Reading } from '../world.ts';
import { translated } from './failures.ts';
import { type Activated, worldOf } from './house.ts';
import { type ReadingStop, stageList } from './sweeps.ts';
import { watched } from './watch.ts';

export type Collected =
  | { stopped: ReadingStop }
  | ({ stopped: undefined; held: boolean } & Audience);

/** Activities that read a campaign's audience and cut it into batches. */
export function audienceActivities(house: Activated) {
  return {
    /**
     * Collects the whole audience before anything is done with it: whole sweeps over all pages until
     * one adds nothing. Resumes after the last page that was staged, so a retry reads on.
     */
    async collectAudience({ ref }: { ref: number }): Promise<Collected> {
      return watched((signal) => translated(() => collect(house, ref, signal)));
    },

    /**
     * Unites whom Optimove names of a deleted campaign with the ledger, so that its books are whole.
     * The list lives for two hours and may be gone (API §6.4): then the ledger's own word stands.
     */
    async collectCanceled({ ref }: { ref: number }): Promise<void> {
      await watched((signal) => unite(house, ref, signal));
    },
  };
}

async function collect(house: Activated, ref: number, signal: AbortSignal): Promise<Collected> {
  const { pool } = house;
  const campaign = await campaignOf(pool, ref);
  // Many campaigns may be waiting for one key to be mended: only the probe asks for it.
  if (campaign.halted) return { stopped: 'halted' };
  const { optimove } = worldOf(house, campaign.tenant);
  const reading = readingFor(campaign, signal);
  let counted: number | undefined;
  try {
    const details = await readDetails(house, campaign, optimove, reading);
    const list = {
      ...{ ref, staging: stagingOf(), top: campaign.plan?.pageSize ?? 10_000 },
      read: (page: { skip: number; top: number }) =>
        optimove.processedCustomers({ campaignId: campaign.campaignId, ...page }, reading),
      stops: () => stopsReading(pool, ref),
      targeted: details?.targeted,
    };
    const staged = await stageList(pool, list, signal);
    if (staged.stopped) return { stopped: staged.stopped };
    ({ counted } = staged);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.kind === 'unauthorized') return { stopped: 'halted' };
    // The data may lag the webhook (API §3): a campaign not known yet is like an empty one.
    if (error.status !== 404 || (await countStaged(pool, ref)) > 0) throw error;
  }
  return settleAudience(house, campaign, counted);
}

async function stopsReading(pool: Pool, ref: number): Promise<ReadingStop | undefined> {
  const { fence, halted, instants } = await campaignOf(pool, ref);
  if (fence) return 'fenced';
  if (halted) return 'halted';
  return instants && Date.now() >= instants.stop ? 'late' : undefined;
}

/** The canceled list is staged behind every sweep of the audience. */
const canceledSweep = stagingOf().last;

async function unite(house: Activated, ref: number, signal: AbortSignal): Promise<void> {
  const { pool } = house;
  const campaign = await campaignOf(pool, ref);
  // Nobody is the audience of a triggered campaign: whoever was asked about is in the ledger.
  if (campaign.kind === 'triggered') return;
  const { tenant, campaignId } = campaign;
  const { optimove } = worldOf(house, tenant);
  const top = campaign.plan?.pageSize ?? 10_000;
  try {
    for (let number = 0, length = top; length >= top; number += 1) {
      const page = await optimove.canceledCustomers(
        { campaignId, skip: number * top, top },
        readingFor(campaign, signal),
      );
      await stagePage(pool, ref, canceledSweep, number, page);
      length = page.length;
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    house.log.warn(
      { tenant, campaign: campaignId, fault: error.message },
      'the list of a deleted campaign could not be read: the ledger stands alone',
    );
  }
  await cutAudience(pool, ref);
}

export function readingFor(campaign: CampaignRow, signal: AbortSignal): Reading {
  return { rank: { class: 'bulk', deadline: urgencyOf(campaign), stage: 0 }, signal };
}

/** Missing details never block a campaign: the webhook's own duration stands. */
export async function readDetails(
  house: Activated,
  campaign: CampaignRow,
  optimove: Optimove,
  reading: Reading,
): Promise<CampaignDetails | undefined> {
  if (campaign.details) return campaign.details;
  try {
    const details = await optimove.campaignDetails(campaign.campaignId, reading);
    await saveDetails(house.pool, campaign.ref, details);
    return details;
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unauthorized') throw error;
    house.log.warn(
      { tenant: campaign.tenant, campaign: campaign.campaignId, fault: error.message },
      'the campaign goes on without its details',
    );
    return undefined;
  }
}

/** Cuts what was staged; an audience over the limit is held before anything is spent on it. */
async function settleAudience(
  house: Activated,
  campaign: CampaignRow,
  counted: number | undefined,
): Promise<Collected> {
  const { pool } = house;
  const audience = await cutAudience(pool, campaign.ref, { counted });
  if (audience.customers === 0) {
    await forgetStaged(pool, campaign.ref);
    return { stopped: undefined, held: false, ...audience };
  }
  await guardAudience(house, campaign, audience.customers);
  await startRunning(pool, campaign.ref);
  const { held } = await campaignOf(pool, campaign.ref);
  return { stopped: undefined, held: held !== undefined, ...audience };
}

export async function guardAudience(
  house: Activated,
  campaign: CampaignRow,
  customers: number,
): Promise<void> {
  const { pool } = house;
  const { ref, plan } = campaign;
  const most = plan?.limits.maxAudience ?? Infinity;
  const { audience: released = 0 } = await releasedOf(pool, ref);
  if (customers <= Math.max(most, released)) return;
  const reason = `the audience of ${customers} customers is over the limit of ${most}`;
  await holdByGuard(house, campaign, reason, { audience: customers });
}
