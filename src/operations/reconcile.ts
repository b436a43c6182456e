import { dayIn } from '../domain/calendar.ts';
import { type Repair, type Verdict, verdicts } from '../domain/reconciliation.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { findCampaign } from '../ledger/campaigns.ts';
import { countDifferences, type DifferenceLine, listDifferences } from '../ledger/differences.ts';
import type { createPool } from '../ledger/pool.ts';
import { findReconciliation, type RunRow } from '../ledger/reconciliations.ts';
import type { Starts } from '../starts.ts';
import type { Log } from '../world.ts';
import { type away, type Operator, type Outcome, sign } from './outcome.ts';

const dayMs = 86_400_000;

export interface ReconcileDeps {
  pool: ReturnType<typeof createPool>;
  starts: Pick<Starts, 'startReconciliation'>;
  log: Log;
}

/** What is to be reconciled; without either it is the day before, in the tenant's calendar. */
export interface Asked {
  campaignId?: string | undefined;
  date?: string | undefined;
  repair: boolean;
}

/** A reconciliation that goes on now: under which name it is found, and which run it is. */
export interface Begun {
  subject: string;
  run: string;
  /** When it was asked for, epoch milliseconds; what ended before has not heard of it. */
  askedAt: number;
}

export interface ShownReconciliation {
  row: RunRow;
  /** Open differences by verdict. */
  counts: Record<string, number>;
  differences: (DifferenceLine & { says: string; remedy: string })[];
}

/** What an operator may ask of the books. */
export function createReconciliations({ pool, starts, log }: ReconcileDeps) {
  return {
    /** Starts a reconciliation, or joins the one that is under way; or says why not. */
    async begin(
      { tenant, timeZone }: TenantSettings,
      asked: Asked,
      operator: Operator,
    ): Promise<Begun | Extract<Outcome, { done: false }>> {
      const { campaignId } = asked;
      const refusal = campaignId === undefined ? undefined : await refuse({ tenant, campaignId });
      if (refusal) return refusal;
      const askedAt = Date.now();
      const date = asked.date ?? dayIn(timeZone, askedAt - dayMs);
      const repairing = asked.repair && { repairing: sign(operator, 'reconcile --repair') };
      const subject = campaignId === undefined ? { date } : { campaignId };
      try {
        const run = await starts.startReconciliation({ tenant, ...repairing, ...subject });
        return { subject: campaignId ?? date, run, askedAt };
      } catch (error) {
        log.warn({ tenant, error: String(error) }, 'a reconciliation could not be started');
        return unreached;
      }
    },

    /** The latest run over a campaign, or a day, with a page of what differs; undefined where there was none. */
    async show(
      tenant: string,
      subject: string,
      page: { after: string; limit: number },
    ): Promise<ShownReconciliation | undefined> {
      const row = await findReconciliation(pool, tenant, subject);
      if (!row) return undefined;
      const [counts, lines] = await Promise.all([
        countDifferences(pool, row.campaigns),
        listDifferences(pool, row.campaigns, page),
      ]);
      return { row, counts, differences: lines.map((line) => ({ ...line, ...words(line) })) };
    },
  };

  async function refuse(id: { tenant: string; campaignId: string }) {
    const campaign = await findCampaign(pool, id);
    if (!campaign) return no(404, `${id.tenant} has no campaign of this id.`);
    const { campaignId, kind, plan, phase } = campaign;
    if (kind === 'triggered') {
      return no(409, `Campaign ${campaignId} is a triggered one: only scheduled ones have books.`);
    }
    if (plan?.flow === 'shadow')
      return no(409, `Campaign ${campaignId} only shows what would be done: it has no books.`);
    if (!plan) return no(409, `Campaign ${campaignId} was never opened: it has no books.`);
    if (phase === 'closed') return undefined;
    return no(409, `Campaign ${campaignId} is not over: reconcile it once its phase is closed.`);
  }
}

const unreached = {
  ...{ done: false, status: 503 },
  sentence: 'Temporal does not answer: nothing was begun. Try again when /readyz is well.',
} as const satisfies ReturnType<typeof away>;

function no(status: 404 | 409, sentence: string) {
  return { done: false, status, sentence } as const;
}

/** What is so, and which command mends it or what a person does. */
function words(line: { verdict: Verdict; repair: Repair; campaignId: string; isBegun: boolean }) {
  const { says, advice } = verdicts[line.verdict];
  if (line.repair === 'person' || line.repair === 'none') return { says, remedy: advice };
  const command = `promoflow reconcile --campaign ${line.campaignId}`;
  const isUnderWay = line.repair === 'fulfil' && line.isBegun;
  return {
    says,
    remedy: isUnderWay ? `it is being fulfilled again: ${command}` : `${command} --repair`,
  };
}
