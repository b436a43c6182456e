import { batchCustomers } from '../domain/batching.ts';
import { callLimits } from '../domain/forecast.ts';
import {
  addCalls,
  allowanceUses,
  callLines,
  decidedInMs,
  outlookOf,
  wayOf,
} from '../domain/simulation.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import type { CampaignId } from '../domain/words.ts';
import { findCampaign } from '../ledger/campaigns.ts';
import { knownCode } from '../ledger/codes.ts';
import type { createPool } from '../ledger/pool.ts';
import { haltOf } from '../ledger/tenants.ts';
import type { World } from '../world.ts';
import {
  type BroughtCustomers,
  openAudience,
  persist,
  type ReadAudience,
} from './simulated-audience.ts';
import { createBatches } from './simulated-batches.ts';
import { createScreen } from './simulated-screen.ts';
import {
  dueOf,
  halted,
  notesOf,
  notSimulated,
  refuse,
  type Simulated,
  type Simulation,
  type Subject,
  sizesOf,
} from './simulation.ts';
import { guardWords, verdictWords } from './simulation-words.ts';

export interface SimulateDeps {
  pool: ReturnType<typeof createPool>;
  tenants: ReadonlyMap<string, TenantSettings>;
  worlds: ReadonlyMap<string, World>;
}

export interface ToSimulate {
  /** In place of Optimove's audience, which is then not asked for. */
  customers?: BroughtCustomers | undefined;
  /** Epoch milliseconds; undefined: the campaign's own, where the ledger knows it. */
  deadline?: number | undefined;
}

/** Whoever asks waits for the answer on one connection, and clients give up after five minutes. */
const mostMs = 240_000;

/**
 * Tells what a campaign would do, by reading alone: nothing is validated, given or reported, and the ledger
 * holds afterwards what it held before. One at a time a process, because an audience is large.
 */
export function createSimulate({ pool, tenants, worlds }: SimulateDeps) {
  let isBusy = false;

  return async (id: CampaignId, asked: ToSimulate, signal: AbortSignal): Promise<Simulated> => {
    const settings = tenants.get(id.tenant);
    const world = worlds.get(id.tenant);
    if (!settings || !world) return refuse(404, 'There is no such tenant.');
    if (asked.deadline !== undefined && asked.deadline <= Date.now()) {
      return refuse(400, 'The deadline is over: give one that is still to come.');
    }
    if (isBusy) return refuse(503, 'Another simulation is under way: ask again when it is over.');
    isBusy = true;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(mostMs)]);
    try {
      const halt = await haltOf(pool, id.tenant);
      if (halt) return halted(halt.tenant, halt.message);
      const row = await findCampaign(pool, id);
      if (row?.kind === 'triggered') {
        return refuse(
          409,
          `Campaign ${id.campaignId} is triggered: it has no audience to simulate.`,
        );
      }
      // Behind everything that has a deadline: no campaign waits for a simulation.
      const rank = { class: 'bulk', deadline: Infinity, stage: 0 } as const;
      const reading = { rank, signal: bounded };
      return await simulate({ ...id, pool, settings, world, row, reading }, asked);
    } catch (error) {
      return notSimulated(error, id, bounded);
    } finally {
      isBusy = false;
    }
  };
}

async function simulate(subject: Subject, asked: ToSimulate): Promise<Simulated> {
  const { pool, settings, world, row, reading, campaignId } = subject;
  const { pageSize } = settings.optimove;
  const audience = await openAudience({
    ...{ pool, campaignId, reading, pageSize, campaign: row },
    ...{ optimove: world.optimove, customers: asked.customers },
  });
  if (!audience) {
    const sentence =
      `Optimove does not know the campaign ${campaignId}, or not yet: look at its id, or bring a file of customers ` +
      'in place of its audience.';
    return refuse(404, sentence);
  }
  const counted = await countAll(subject, audience);
  return { done: true, simulation: await conclude(subject, audience, counted, asked.deadline) };
}

type Counted = Awaited<ReturnType<typeof countAll>>;

/** Walks the whole audience, a page at a time. */
async function countAll(subject: Subject, audience: ReadAudience) {
  const { pool, settings, world, campaignId, row, reading } = subject;
  const way = wayOf(settings);
  const sizes = await sizesOf(subject);
  const of = { pool, settings, world, campaignId, ref: row?.ref, reading };
  const { screen, size } = await createScreen(of, sizes.screenings);
  let promocodes = 0;
  const batches = createBatches({
    ...{ way, codes: settings.scheduled.codes, screen },
    sizes: () => ({ ...sizes, screenings: size() }),
    async isKnown(code) {
      if (!world.promotions) return true;
      promocodes += 1;
      return isKnown(subject, code);
    },
  });
  const read = { rows: 0, controls: 0, malformed: 0 };
  for await (const page of audience.pages) {
    reading.signal.throwIfAborted();
    read.rows += page.length;
    read.controls += page.controls;
    read.malformed += page.malformed;
    for (const one of page.rows) await batches.add(one);
  }
  const tally = await batches.finish();
  const unknownCodes = batches.unknownCodes();
  return { way, read, tally, unknownCodes, calls: addCalls(tally.calls, { promocodes }) };
}

/** By what the ledger remembers, else by asking Promotions, whose answer is not kept. */
async function isKnown({ pool, tenant, world, reading }: Subject, code: string): Promise<boolean> {
  const known = await knownCode(pool, tenant, code);
  if (known !== undefined) return known !== 'none';
  const ask = async () => world.promotions?.promocode(code, reading);
  return (await persist(ask, reading.signal)) !== undefined;
}

async function conclude(
  subject: Subject,
  audience: ReadAudience,
  { way, read, tally, unknownCodes, ...counted }: Counted,
  deadline: number | undefined,
): Promise<Simulation> {
  const { settings, tenant, campaignId } = subject;
  const { customers, passed, withoutCode } = tally;
  const limits = callLimits(settings);
  const collecting = { details: 1, audience: audience.calls({ rows: read.rows, customers }) };
  const calls = callLines(way, addCalls(counted.calls, collecting));
  const needsMs = decidedInMs(calls, limits);
  const due = await dueOf(subject, deadline);
  const outlook = due && outlookOf(due, needsMs);
  const allowances = allowanceUses(calls, limits);
  const guards = guardWords(settings, way, { customers, unknownCodes });
  const holdsUnknown = guards.some(({ limit }) => limit === 'unknownCodes');
  const isListed = audience.source === 'optimove';
  return {
    ...{ tenant, campaignId, flow: way.flow, source: audience.source },
    audience: {
      ...{ customers, batches: Math.ceil(customers / batchCustomers) },
      controls: isListed ? read.controls : null,
      malformed: isListed ? read.malformed : null,
      targeted: audience.details?.targeted ?? null,
    },
    screenedOut: Object.fromEntries(tally.screenedOut),
    passed: {
      ...{ customers: passed, withoutCode },
      promoCodes: Object.fromEntries(tally.promoCodes),
    },
    unknownCodes: unknownCodes.map((promoCode) => ({
      promoCode,
      assignments: tally.promoCodes.get(promoCode) ?? 0,
      follows: holdsUnknown ? 'held' : 'refused',
    })),
    ...{ calls, allowances, needsMs, outlook: outlook ?? null, guards },
    notes: notesOf(subject, way, audience, customers),
    verdict: verdictWords({
      ...{ settings, way, customers, passed, guards, allowances, needsMs, outlook },
    }),
  };
}
