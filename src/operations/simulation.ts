import { instantsOf } from '../domain/campaign.ts';
import { Fault } from '../domain/fault.ts';
import type {
  AllowanceUse,
  CallLine,
  CallSizes,
  Due,
  Outlook,
  SimulatedFlow,
  Way,
} from '../domain/simulation.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import type { CampaignId, FarSide } from '../domain/words.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import { timesOf } from '../ledger/counts.ts';
import type { createPool } from '../ledger/pool.ts';
import { learnedSize } from '../ledger/tenants.ts';
import type { Reading, World } from '../world.ts';
import type { AudienceSource, ReadAudience } from './simulated-audience.ts';
import type { GuardWord } from './simulation-words.ts';

/** What a campaign would do; null is what nobody told. Assignments are a customer and a code each. */
export interface Simulation extends CampaignId {
  flow: SimulatedFlow;
  source: AudienceSource;
  audience: {
    customers: number;
    batches: number;
    controls: number | null;
    malformed: number | null;
    /** Optimove's own count. */
    targeted: number | null;
  };
  /** Assignments by reason. */
  screenedOut: Record<string, number>;
  passed: {
    customers: number;
    /** Of these customers, those who have no promo code: they are only cleared. */
    withoutCode: number;
    /** Assignments by promo code. */
    promoCodes: Record<string, number>;
  };
  unknownCodes: { promoCode: string; assignments: number; follows: 'refused' | 'held' }[];
  calls: CallLine[];
  allowances: AllowanceUse[];
  needsMs: number;
  outlook: Outlook | null;
  guards: GuardWord[];
  notes: string[];
  verdict: string;
}

/** What asking for a simulation came to, in HTTP's words where it came to nothing. */
export type Simulated = { done: true; simulation: Simulation } | NotSimulated;

export interface NotSimulated {
  done: false;
  status: 400 | 404 | 409 | 503;
  sentence: string;
}

/** One campaign with all that is asked on its behalf. */
export interface Subject extends CampaignId {
  pool: ReturnType<typeof createPool>;
  settings: TenantSettings;
  world: World;
  row: CampaignRow | undefined;
  reading: Reading;
}

/** The publisher takes at most this many customers a call (guide: OptiPromo Process, flow 2). */
const publishedPerCall = 10_000;

/** The sizes of calls as configured, or smaller where the ledger remembers a 413. */
export async function sizesOf({ pool, tenant, world }: Subject): Promise<CallSizes> {
  const { promotions, platform, dataConnection } = world;
  const most = async (farSide: FarSide, configured = Infinity): Promise<number> =>
    Math.min(configured, (await learnedSize(pool, tenant, farSide)) ?? Infinity);
  const items = await most('platform', platform.maxItemsPerCall);
  return {
    screenings: items,
    allocations: items,
    validations: await most('promotions', promotions?.maxCustomersPerCall),
    publications: await most('publisher', publishedPerCall),
    uploads: dataConnection?.maxRowsPerCall ?? Infinity,
  };
}

/** A deadline that is given counts from now; the campaign's own, from when its event 5 came. */
export async function dueOf(
  { pool, settings, row }: Subject,
  deadline: number | undefined,
): Promise<Due | undefined> {
  if (deadline !== undefined) {
    return { deadline, stop: instantsOf(deadline, settings.scheduled).stop, from: Date.now() };
  }
  if (!row?.instants) return undefined;
  const { receivedAt } = await timesOf(pool, row.ref);
  const from = receivedAt > 0 ? Math.round(receivedAt) : Date.now();
  return { deadline: row.instants.deadline, stop: row.instants.stop, from };
}

/** What else there is to know before anybody relies on it. */
export function notesOf(
  { settings, row }: Subject,
  way: Way,
  audience: ReadAudience,
  customers: number,
): string[] {
  const { conditional } = settings.scheduled;
  const { source, details } = audience;
  const isOther = details?.targeted !== undefined && details.targeted !== customers;
  const notes: [isTrue: boolean, note: string][] = [
    [
      way.flow === 'shadow',
      'Event 5 does nothing but screen (scheduled.conditional: shadow): this is what managed would do.',
    ],
    [
      way.flow === 'off',
      `Event 5 is only recorded (scheduled.conditional: ${conditional}): this is what managed would do.`,
    ],
    [
      way.recipe.includes('publish') && way.executed.length > 0,
      'What comes after event 13 is counted as if everybody were awarded.',
    ],
    [
      way.recipe.includes('validate'),
      'Calls are counted as if Promotions found everybody eligible.',
    ],
    [
      !way.recipe.includes('allocate') && !way.recipe.includes('publish'),
      'Nothing is given before the claim: the calls of claims are not counted.',
    ],
    [row?.fence === 'deleted', 'The campaign was deleted (event 4): it does not run any more.'],
    [
      row?.fence === 'operator',
      'The campaign was canceled by an operator: it does not run any more.',
    ],
    [
      source === 'ledger',
      'The audience is that of the ledger, which holds neither its control group nor its malformed rows.',
    ],
    [
      source === 'optimove' && !details,
      'GetCampaignDetails could not be read; a run goes on without it, too.',
    ],
    [isOther, `Optimove counts ${details?.targeted} customers, and its list names ${customers}.`],
  ];
  return notes.flatMap(([isTrue, note]) => (isTrue ? note : []));
}

/** What a failure is for whoever asked; what is none of the far sides' is thrown. */
export function notSimulated(
  error: unknown,
  { tenant }: CampaignId,
  signal: AbortSignal,
): NotSimulated {
  if (signal.aborted) {
    const isOver = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
    if (!isOver) return refuse(503, 'It was ended before it was done: ask again.');
    const sentence =
      'It was not done in four minutes, because other calls go first: ask again when less is under way, or bring ' +
      'a file of some of the customers.';
    return refuse(503, sentence);
  }
  if (!(error instanceof Fault)) throw error;
  if (error.kind === 'unauthorized') return halted(tenant, error.message);
  const isNo = error.kind === 'refused' || error.kind === 'too_large';
  const next = isNo ? 'It would say the same again.' : 'Ask again in a while.';
  return refuse(
    isNo ? 409 : 503,
    `A far side did not answer as it should (${error.message}). ${next}`,
  );
}

export function halted(tenant: string, message: string): NotSimulated {
  const sentence = `${tenant} is halted: ${message}. Mend the key; it is tried by itself, and promoflow status tells when it is known.`;
  return refuse(409, sentence);
}

export function refuse(status: NotSimulated['status'], sentence: string): NotSimulated {
  return { done: false, status, sentence };
}
