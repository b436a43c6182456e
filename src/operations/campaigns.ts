import { setTimeout as delay } from 'node:timers/promises';
import { permitMs } from '../domain/effect.ts';
import type { Roll } from '../domain/roll.ts';
import type { CampaignId } from '../domain/words.ts';
import { cancelByOperator, holdByOperator, refusesRelease, refusesRetry } from '../ledger/acts.ts';
import { type CampaignRow, findCampaign } from '../ledger/campaigns.ts';
import { countCampaign } from '../ledger/counts.ts';
import { type FulfilmentLine, listFulfilments } from '../ledger/fulfilment-list.ts';
import { listCampaigns } from '../ledger/listing.ts';
import type { createPool } from '../ledger/pool.ts';
import { type RollLine, readRoll } from '../ledger/roll.ts';
import type { Answer, Starts } from '../starts.ts';
import type { Log } from '../world.ts';
import { away, type Operator, type Outcome, refused, sign } from './outcome.ts';

type Pool = ReturnType<typeof createPool>;
type Counts = Awaited<ReturnType<typeof countCampaign>>;

export interface ShownCampaign {
  campaign: CampaignRow;
  counts: Counts;
  fulfilments: FulfilmentLine[];
}

export interface CampaignsDeps {
  pool: Pool;
  starts: Pick<
    Starts,
    'signalCampaign' | 'releaseCampaign' | 'retryCampaign' | 'startCancellation' | 'kickSettlement'
  >;
  log: Log;
}

/** What an operator may ask of campaigns, and do to them. */
export function createCampaigns(deps: CampaignsDeps) {
  const { pool } = deps;
  return {
    /** The latest campaigns of a tenant. */
    list: (tenant: string, limit: number) => listCampaigns(pool, tenant, limit),

    /** One campaign with its counts as they stand now; undefined where it never was announced. */
    async show(id: CampaignId): Promise<ShownCampaign | undefined> {
      const campaign = await findCampaign(pool, id);
      if (!campaign) return undefined;
      const { ref } = campaign;
      const fulfilments = await listFulfilments(pool, ref);
      return { campaign, counts: await countCampaign(pool, ref), fulfilments };
    },

    /** The customers of a campaign whom a person has to look at; undefined where there is no such campaign. */
    async roll(
      id: CampaignId,
      roll: Roll,
      page: { limit: number; after?: string | undefined },
    ): Promise<RollLine[] | undefined> {
      const campaign = await findCampaign(pool, id);
      return campaign && readRoll(pool, campaign.ref, roll, page);
    },

    hold: (id: CampaignId, operator: Operator, reason: string) => hold(deps, id, operator, reason),
    release: (id: CampaignId, operator: Operator, reason: string) =>
      release(deps, id, operator, reason),
    retry: (id: CampaignId, operator: Operator, reason: string) =>
      retry(deps, id, operator, reason),
    cancel: (id: CampaignId, operator: Operator, asked: { reason: string; force: boolean }) =>
      cancel(deps, id, operator, asked),
  };
}

/** The ledger first: from the answer on nothing new leaves, whether the run hears of it or not. */
async function hold(
  deps: CampaignsDeps,
  id: CampaignId,
  operator: Operator,
  reason: string,
): Promise<Outcome> {
  const refusal = await holdByOperator(deps.pool, id, sign(operator, reason));
  if (refusal) return refused(refusal, id);
  await Promise.all([tell(deps, id), delay(permitMs)]);
  return {
    done: true,
    note: `Campaign ${id.campaignId} is held: nothing of it is given or approved until it is released.`,
  };
}

/** The run releases itself; one that is gone is started for it. */
async function release(
  deps: CampaignsDeps,
  id: CampaignId,
  operator: Operator,
  reason: string,
): Promise<Outcome> {
  const { approves } = operator;
  const refusal = await refusesRelease(deps.pool, id, approves);
  if (refusal) return refused(refusal, id);
  // A run that has not looked since it was held would say that it is not.
  await tell(deps, id);
  const answer = await deps.starts.releaseCampaign(id, { ...sign(operator, reason), approves });
  if (answer.ended !== 'answered') return unanswered(answer);
  if (answer.value) return refused(answer.value, id);
  // Claims that were begun before the hold are settlement's, not the run's.
  deps.starts.kickSettlement(id.tenant);
  const tenantHeld = (await findCampaign(deps.pool, id))?.tenantHeld;
  const then = tenantHeld ? `waits for the release of ${id.tenant}, which is held` : 'goes on';
  return { done: true, note: `Campaign ${id.campaignId} is released and ${then}.` };
}

/** A new epoch over what is not final; a campaign whose run was lost is given another. */
async function retry(
  deps: CampaignsDeps,
  id: CampaignId,
  operator: Operator,
  reason: string,
): Promise<Outcome> {
  const refusal = await refusesRetry(deps.pool, id);
  if (refusal) return refused(refusal, id);
  const answer = await deps.starts.retryCampaign(id, sign(operator, reason));
  if (answer.ended !== 'answered') return unanswered(answer);
  const { epoch = 0, instants } = (await findCampaign(deps.pool, id)) ?? {};
  switch (answer.value) {
    case 'reopened':
      return {
        done: true,
        note: `Campaign ${id.campaignId} is open again, epoch ${epoch}: it goes on with what is not final.`,
      };
    case 'fresh':
    case 'resumed':
      return {
        done: true,
        note: `Campaign ${id.campaignId} had lost its run; another one goes on where it stopped.`,
      };
    case 'fenced':
      return refused({ why: 'canceled' }, id);
    case 'unusable':
      return refused({ why: 'unusable' }, id);
    case 'closed':
    case 'late':
      return refused({ why: 'stopped', since: instants?.stop ?? 0 }, id);
  }
}

/** The fence first, and the last permit over: a cancel counts from its answer. */
async function cancel(
  deps: CampaignsDeps,
  id: CampaignId,
  operator: Operator,
  { reason, force }: { reason: string; force: boolean },
): Promise<Outcome> {
  const { pool, starts, log } = deps;
  const refusal = await cancelByOperator(pool, { ...id, ...sign(operator, reason), force });
  if (refusal) return refused(refusal, id);
  const start = starts.startCancellation(id, 'operator').catch((error: unknown) => {
    // The fence stands; the relay finds the debt within a minute.
    log.warn({ ...id, error: String(error) }, 'a cancellation could not be started yet');
  });
  await Promise.all([start, delay(permitMs)]);
  return {
    done: true,
    note: `Campaign ${id.campaignId} is canceled: whoever can still be told is told false, and everything is taken back.`,
  };
}

/** Best effort: a run that is not told finds out from the ledger at its next step. */
async function tell({ starts, log }: CampaignsDeps, id: CampaignId): Promise<void> {
  try {
    await starts.signalCampaign(id);
  } catch (error) {
    log.warn({ ...id, error: String(error) }, 'a run could not be told');
  }
}

function unanswered(answer: Exclude<Answer<unknown>, { ended: 'answered' }>): Outcome {
  switch (answer.ended) {
    case 'rejected':
      return { done: false, status: 409, sentence: answer.why };
    case 'unanswered':
      return away('No worker has answered yet. It may still be done: look at the campaign again.');
    case 'away':
      return away('Temporal does not answer: nothing was done. Try again when /readyz is well.');
  }
}
