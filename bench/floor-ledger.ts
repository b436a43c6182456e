import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { instantsOf, type Plan } from '../src/domain/campaign.ts';
import { cutAudience } from '../src/ledger/audience.ts';
import { record } from '../src/ledger/batches.ts';
import { findCampaign, openCampaign } from '../src/ledger/campaigns.ts';
import type { BatchRow } from '../src/ledger/columns.ts';
import { claimBatch } from '../src/ledger/columns.ts';
import { begin, settle } from '../src/ledger/effects.ts';
import { stagePage } from '../src/ledger/pages.ts';
import { announce } from '../src/ledger/standing.ts';
import { slotRequest } from '../src/limiter/window.ts';
import { batchSize, deadlineInSeconds, lanes, noLimit, tenant } from './campaign-tenant.ts';
import type { Row } from './floor-calls.ts';
import { type Keeping, targetedOf } from './floor-walk.ts';

/** The permit and the call's own time: for so long an effect may be on the wire, milliseconds. */
const aliveMs = 30_250;

/** How promoflow's plan of the managed flow reads with the settings of the bench. */
export const floorPlan: Plan = {
  flow: 'managed',
  notSent: 'list',
  recipe: ['screen', 'validate', 'allocate', 'report'],
  codes: 'all',
  clearanceMarginMs: 30_000,
  executionDelayMs: 1_800_000,
  redeemEveryMs: 0,
  lanes,
  pageSize: batchSize,
  limits: { maxAudience: 1_000_000_000, onlyCustomers: [] },
  durationDays: 7,
};

/** Announces and opens the campaign as promoflow does; returns the ledger's number of it. */
export async function openInLedger(pool: pg.Pool, campaignId: string): Promise<number> {
  const id = { tenant, campaignId };
  const instants = instantsOf(Date.now() + deadlineInSeconds * 1_000, floorPlan);
  await announce(pool, id, {
    announcedAt: Date.now(),
    durationDays: floorPlan.durationDays,
    instants,
    problem: undefined,
  });
  await openCampaign(pool, id, floorPlan);
  const campaign = await findCampaign(pool, id);
  if (!campaign) throw new Error('The campaign was not opened');
  return campaign.ref;
}

export async function stageRows(
  pool: pg.Pool,
  ref: number,
  number: number,
  rows: Row[],
): Promise<void> {
  const targeted = targetedOf(rows);
  await stagePage(pool, ref, 1, number, {
    rows: targeted,
    length: rows.length,
    controls: rows.length - targeted.length,
    malformed: 0,
  });
}

/** Cuts what was staged; returns the numbers of the batches. */
export async function cutInLedger(pool: pg.Pool, ref: number): Promise<number[]> {
  const { batches } = await cutAudience(pool, ref);
  return Array.from({ length: batches }, (_, index) => index + 1);
}

export const takeBatch = (pool: pg.Pool, ref: number, number: number): Promise<BatchRow> =>
  claimBatch(pool, ref, number, 1);

/** This process among the limiter's waiters. */
const waiter = randomUUID();

/** Each call is begun and settled in the ledger, with its turn; each decision is written down. */
export function keptInLedger(pool: pg.Pool, batch: BatchRow): Keeping {
  const { campaign, number, token, change } = batch;
  const limit = {
    bucket: `${tenant}/optimove`,
    requests: noLimit.requests,
    perMs: noLimit.perSeconds * 1_000,
    spaced: false,
  };
  const request = slotRequest(limit, { class: 'bulk', deadline: Date.now(), stage: 1 }, waiter);
  return {
    async call(call, members, became) {
      const positions = members.map(({ position }) => position);
      const intent = {
        campaign,
        batch: number,
        kind: call.kind,
        epoch: 1,
        key: `${call.kind}/1/${number}/${positions[0]}-${positions.at(-1)}-${positions.length}`,
        hash: call.hash(),
        positions,
        kept: {},
        token,
        change,
        aliveMs,
      };
      // The platform has no limit, so its calls take no turn.
      const begun = await begin(pool, intent, call.kind === 'allocate' ? undefined : request);
      if (begun.verdict !== 'begun')
        throw new Error(`${intent.key} did not begin: ${begun.verdict}`);
      const answer = await call.send();
      const { effect, slot } = begun;
      const happenings = became(answer);
      await settle(pool, batch, { effect, slot, outcome: 'done', happenings });
      return answer;
    },
    note: async (happenings) => void (await record(pool, batch, happenings())),
  };
}
