import { Fault } from '../domain/fault.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import { rememberCode } from '../ledger/codes.ts';
import { noteSchedule } from '../ledger/fulfilment-spans.ts';
import { stagingOf } from '../ledger/pages.ts';
import type { AudiencePage, Promotions, Reading } from '../world.ts';
import {
  type CollectedExecuted,
  cutExecuted,
  detailsNow,
  type Executed,
  stopsReading,
} from './executed.ts';
import { type Activated, worldOf } from './house.ts';
import { stageList } from './sweeps.ts';

/** Most awards in one page of Customer Assignment. */
const mostAwards = 10_000;

/** The auto flow: whom Promotions awarded something in this occurrence (API §10.6). */
export async function collectAwarded(
  house: Activated,
  campaign: CampaignRow,
  executed: Executed,
  reading: Reading,
): Promise<CollectedExecuted> {
  const { pool } = house;
  const { ref, campaignId, tenant } = campaign;
  const { promotions } = worldOf(house, tenant);
  if (!promotions) throw new Error(`Tenant ${tenant} has no Promotions`);
  const details = await detailsNow(house, campaign, reading);
  const codes = await codesOfSent(house, campaign, executed, promotions, reading);
  const { stopped, counted } = await stageList(
    pool,
    {
      ...{ ref, staging: stagingOf(executed.number), top: mostAwards },
      async read({ skip, top }): Promise<AudiencePage> {
        const page = await promotions.awards({ campaignId, skip, take: top }, reading);
        const rows = [];
        for (const { customerId, promocodeId, promotionId } of page.awards) {
          if (!codes.has(promocodeId)) {
            const code = await promotions.codeOf(promocodeId, reading);
            if (code !== undefined)
              await rememberCode(pool, tenant, code, { promocodeId, promotionId });
            codes.set(promocodeId, code);
          }
          const code = codes.get(promocodeId);
          if (code !== undefined)
            rows.push({ customerId, actionId: undefined, promoCodes: [code] });
        }
        const malformed = page.awards.length - rows.length;
        if (malformed > 0) warnOfUnknown(house, campaign, malformed);
        return { rows, length: page.length, controls: 0, malformed };
      },
      stops: () => stopsReading(house, ref),
    },
    reading.signal,
  );
  if (stopped) return { stopped };
  return cutExecuted(house, campaign, executed, details, counted);
}

function warnOfUnknown(
  { log }: Activated,
  { tenant, campaignId }: CampaignRow,
  awards: number,
): void {
  log.warn(
    { tenant, campaign: campaignId, awards },
    'awards of promocodes whose code nobody knows',
  );
}

/**
 * Promotions names awards by promocode ids. The codes stand with the customers who were sent: one page of them
 * tells the codes, and for when the sending was scheduled. What is missing is asked for one by one.
 */
async function codesOfSent(
  house: Activated,
  { ref, campaignId, tenant }: CampaignRow,
  { number, channel }: Executed,
  promotions: Promotions,
  reading: Reading,
): Promise<Map<string, string | undefined>> {
  const { pool, log } = house;
  const codes = new Map<string, string | undefined>();
  try {
    const page = await worldOf(house, tenant).optimove.executedCustomers(
      { campaignId, channelId: channel === '' ? undefined : channel, skip: 0, top: 1_000 },
      reading,
    );
    await noteSchedule(pool, { ref, number }, page.scheduledAt);
    for (const code of new Set(page.rows.flatMap(({ promoCodes }) => promoCodes))) {
      const found = await promotions.promocode(code, reading);
      await rememberCode(pool, tenant, code, found);
      if (found) codes.set(found.promocodeId, code);
    }
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unauthorized') throw error;
    log.warn(
      { tenant, campaign: campaignId, fault: error.message },
      'the customers who were sent cannot be read: the awards stand alone',
    );
  }
  return codes;
}
