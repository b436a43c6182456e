import { setTimeout as delay } from 'node:timers/promises';
import { batchCustomers, cut } from '../domain/batching.ts';
import { beginsExecuted, type CampaignDetails } from '../domain/campaign.ts';
import { Fault } from '../domain/fault.ts';
import { audienceCalls } from '../domain/simulation.ts';
import { noCode } from '../domain/words.ts';
import { countBatches } from '../ledger/batches.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import { readBatch } from '../ledger/columns.ts';
import { stagedSweep } from '../ledger/pages.ts';
import type { createPool } from '../ledger/pool.ts';
import { customersOf } from '../stages/members.ts';
import type { AudiencePage, Optimove, Reading } from '../world.ts';

export type AudienceSource = 'optimove' | 'ledger' | 'file';

/** Customers as they were brought, in place of an audience. */
export type BroughtCustomers = readonly { customerId: string; promoCodes: string[] }[];

/** An audience page by page, wherever it comes from. */
export interface ReadAudience {
  source: AudienceSource;
  pages: AsyncIterable<AudiencePage> | Iterable<AudiencePage>;
  /** Undefined where they were not asked for, or could not be read. */
  details: CampaignDetails | undefined;
  /** How many calls a run needs, or needed, to collect it; asked once all of it was read. */
  calls(read: { rows: number; customers: number }): number;
}

interface Asked {
  pool: ReturnType<typeof createPool>;
  optimove: Optimove;
  campaignId: string;
  campaign: CampaignRow | undefined;
  customers: BroughtCustomers | undefined;
  pageSize: number;
  reading: Reading;
}

/** Opens the audience; undefined where Optimove does not know the campaign. Throws the Fault of a call. */
export async function openAudience(asked: Asked): Promise<ReadAudience | undefined> {
  const { campaign, customers } = asked;
  if (customers) return broughtAudience(customers, asked.pageSize);
  const isCut = campaign?.collected && !(campaign.plan && beginsExecuted(campaign.plan));
  return campaign && isCut ? collectedAudience(asked, campaign) : askedAudience(asked);
}

function broughtAudience(customers: BroughtCustomers, pageSize: number): ReadAudience {
  return {
    source: 'file',
    details: undefined,
    pages: cut(customers, batchCustomers).map((piece) =>
      pageOf(piece.map((customer) => ({ ...customer, actionId: undefined }))),
    ),
    calls: ({ rows }) => audienceCalls({ rows, pageSize, isConfirmed: false }),
  };
}

/** From the batches of a run, such as a shadow run: nobody is asked. Batches hold neither controls nor malformed rows. */
async function collectedAudience(
  { pool, pageSize }: Asked,
  { ref, details }: CampaignRow,
): Promise<ReadAudience> {
  const staged = await stagedSweep(pool, ref);
  async function* pages(): AsyncGenerator<AudiencePage> {
    const batches = await countBatches(pool, ref);
    for (let number = 1; number <= batches; number += 1) {
      const { members = [] } = (await readBatch(pool, ref, number)) ?? {};
      yield pageOf(
        customersOf(members).map(({ customerId, promoCodes }) => ({
          customerId,
          actionId: undefined,
          promoCodes: promoCodes.filter((code) => code !== noCode),
        })),
      );
    }
  }
  return {
    source: 'ledger',
    details,
    pages: pages(),
    calls: ({ rows }) =>
      staged ? staged.sweep * staged.pages : audienceCalls({ rows, pageSize, isConfirmed: false }),
  };
}

function pageOf(rows: AudiencePage['rows']): AudiencePage {
  return { rows, length: rows.length, controls: 0, malformed: 0 };
}

/** One sweep over Optimove's own list (API §6.2); the next page is read while one is looked at. */
async function askedAudience(asked: Asked): Promise<ReadAudience | undefined> {
  const { optimove, campaignId, pageSize, reading, campaign } = asked;
  const readAt = (number: number): Promise<AudiencePage> => {
    const page = { campaignId, skip: number * pageSize, top: pageSize };
    return persist(() => optimove.processedCustomers(page, reading), reading.signal);
  };
  const first = await readAt(0).catch((error: unknown) => {
    if (error instanceof Fault && error.status === 404) return undefined;
    throw error;
  });
  if (!first) return undefined;
  const details = campaign?.details ?? (await readDetails(asked));
  async function* pages(begun: AudiencePage): AsyncGenerator<AudiencePage> {
    let page = begun;
    for (let number = 1; ; number += 1) {
      const isLast = page.length < pageSize;
      const ahead = isLast ? undefined : readAt(number);
      // Whoever looks at this page may end meanwhile: then nobody asks for the next.
      ahead?.catch(() => {});
      yield page;
      if (!ahead) return;
      page = await ahead;
    }
  }
  return {
    source: 'optimove',
    details,
    pages: pages(first),
    calls: ({ rows, customers }) =>
      audienceCalls({ rows, pageSize, isConfirmed: details?.targeted === customers }),
  };
}

/** Missing details never block a campaign, nor its simulation. */
async function readDetails(asked: Asked): Promise<CampaignDetails | undefined> {
  const { optimove, campaignId, reading } = asked;
  try {
    return await persist(() => optimove.campaignDetails(campaignId, reading), reading.signal);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unauthorized') throw error;
    return undefined;
  }
}

const mostAttempts = 3;
const pauseMs = 1_000;

/** Repeats a read whose answer was lost: here nobody else does, as Temporal does for a run. */
export async function persist<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Fault) || attempt === mostAttempts) throw error;
      const { kind, retryAfterMs = pauseMs } = error;
      if (kind !== 'not_sent' && kind !== 'unknown' && kind !== 'malformed') throw error;
      await delay(retryAfterMs, undefined, { signal });
    }
  }
}
