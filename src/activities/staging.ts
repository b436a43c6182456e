import { Fault } from '../domain/fault.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import { codeOfPromocode, rememberCode } from '../ledger/codes.ts';
import { claimEvidence, type Staged, stagings } from '../ledger/evidence.ts';
import { stagingOf } from '../ledger/pages.ts';
import { haltOf } from '../ledger/tenants.ts';
import type { AudiencePage, Promotions, Reading } from '../world.ts';
import { readingBehindAll } from './examination.ts';
import { type Activated, worldOf } from './house.ts';
import { stageList } from './sweeps.ts';

// Lists that far sides tell of a campaign, staged page by page below it, for a run that holds them against its books.

interface Listed {
  tenant: string;
  ref: number;
  staged: Staged;
  run: string;
  top: number;
  read(page: { skip: number; top: number }): Promise<AudiencePage>;
}

/** Claims the staging and reads on after the last page of it. Throws while another run is at it. */
async function stage(
  { pool }: Activated,
  { tenant, ref, staged, run, top, read }: Listed,
  signal: AbortSignal,
): Promise<'read' | 'staged'> {
  const keepClaim = async (): Promise<'claimed' | 'staged'> => {
    const claim = await claimEvidence(pool, ref, staged, run);
    if (claim === 'taken') throw new Error('Another run reads the same; this one waits for it');
    return claim;
  };
  if ((await keepClaim()) === 'staged') return 'staged';
  const list = {
    ...{ ref, staging: stagingOf(stagings[staged]), top, read },
    async stops() {
      await keepClaim();
      const halt = await haltOf(pool, tenant);
      if (halt) throw new Fault('unauthorized', `${halt.farSide} does not know our key`);
      return undefined;
    },
  };
  try {
    await stageList(pool, list, signal);
  } catch (error) {
    // A far side that does not know a campaign has nothing to say of it.
    if (!(error instanceof Fault && error.status === 404)) throw error;
  }
  return 'read';
}

/** Stages whom Optimove has sent a campaign, through all of its channels (API §6.3). */
export async function stageSent(
  house: Activated,
  campaign: CampaignRow,
  run: string,
  signal: AbortSignal,
): Promise<'read' | 'staged'> {
  const { tenant, ref, campaignId, plan } = campaign;
  const { optimove } = worldOf(house, tenant);
  const reading = readingBehindAll(signal);
  return stage(
    house,
    {
      ...{ tenant, ref, run, staged: 'sent', top: plan?.pageSize ?? 10_000 },
      read: (page) =>
        optimove.executedCustomers({ campaignId, channelId: undefined, ...page }, reading),
    },
    signal,
  );
}

/** Most awards in one page of Customer Assignment. */
const mostAwards = 10_000;

/** Stages whom Promotions awarded something in a campaign (API §10.6); false where there is no Promotions. */
export async function stageAwards(
  house: Activated,
  { tenant, ref, campaignId }: CampaignRow,
  run: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { promotions } = worldOf(house, tenant);
  if (!promotions) return false;
  const reading = readingBehindAll(signal);
  const codes = new Map<string, string | undefined>();
  await stage(
    house,
    {
      ...{ tenant, ref, run, staged: 'awarded', top: mostAwards },
      async read({ skip, top }) {
        const page = await promotions.awards({ campaignId, skip, take: top }, reading);
        const rows = [];
        for (const { customerId, promocodeId, promotionId } of page.awards) {
          if (!codes.has(promocodeId)) {
            const promocode = { promocodeId, promotionId };
            codes.set(promocodeId, await codeOf(house, tenant, promotions, promocode, reading));
          }
          const code = codes.get(promocodeId);
          if (code !== undefined) {
            rows.push({ customerId, actionId: undefined, promoCodes: [code] });
          }
        }
        const malformed = page.awards.length - rows.length;
        return { rows, length: page.length, controls: 0, malformed };
      },
    },
    signal,
  );
  return true;
}

/** Promotions names awards by promocode ids; the ledger mostly knows of which code. */
async function codeOf(
  { pool }: Activated,
  tenant: string,
  promotions: Promotions,
  promocode: { promocodeId: string; promotionId: string | undefined },
  reading: Reading,
): Promise<string | undefined> {
  const known = await codeOfPromocode(pool, tenant, promocode.promocodeId);
  if (known !== undefined) return known;
  const code = await promotions.codeOf(promocode.promocodeId, reading);
  if (code !== undefined) await rememberCode(pool, tenant, code, promocode);
  return code;
}

/** Stages whose campaign ended on a day (API §6.6); neither campaign nor code is named. */
export async function stageEnded(
  house: Activated,
  of: { tenant: string; run: string; host: number; date: string },
  signal: AbortSignal,
): Promise<void> {
  const { tenant, run, host, date } = of;
  const { optimove } = worldOf(house, tenant);
  const reading = readingBehindAll(signal);
  await stage(
    house,
    {
      ...{ tenant, ref: host, run, staged: 'ended', top: 10_000 },
      async read(page) {
        const { rows, length } = await optimove.endedActions({ date, ...page }, reading);
        const staged = rows.map(({ customerId, startDate }) => ({
          customerId,
          // The day on which it began tells campaigns apart: it is kept where an action's id would stand.
          actionId: startDate?.replaceAll('-', ''),
          promoCodes: [],
        }));
        return { rows: staged, length, controls: 0, malformed: 0 };
      },
    },
    signal,
  );
}
