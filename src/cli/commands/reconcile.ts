import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Begun, Reconciliation } from '../../gateway/api/shapes.ts';
import { type Api, createApi, type ToReconcile } from '../api.ts';
import { Failure } from '../failure.ts';
import { printJson, writeCount, writeCounts } from '../print.ts';

interface Options {
  campaign?: string;
  date?: string;
  repair?: boolean;
  tenant?: string;
  json?: boolean;
}

/** Some differences are left that need anybody: neither bad news of the command itself, nor a mistake of its caller. */
const differencesLeft = 3;

const lookEveryMs = 1_000;
/** Until a run shows itself in the ledger: without a worker it never does. */
const mostSilentMs = 60_000;
const pageSize = 1_000;

/** `promoflow reconcile` */
export function addReconcile(program: Command, environment: Environment): void {
  program
    .command('reconcile')
    .description('holds the ledger against the far sides; exits 3 while a difference needs anybody')
    .option('--campaign <id>', 'one campaign, once it is over')
    .option('--date <day>', "all of a day of the tenant's calendar (default: yesterday)", readDay)
    .option('--repair', 'mends what can be mended; needs a key with the role operate')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async ({ campaign, date, repair, tenant: named, json }: Options) => {
      if (campaign !== undefined && date !== undefined) {
        throw new Failure('Say --campaign or --date, not both.', 2);
      }
      const api = createApi(environment);
      const tenant = await api.tenant(named);
      const asked = {
        ...(campaign !== undefined && { campaignId: campaign }),
        ...(date !== undefined && { date }),
        ...(repair && { repair }),
      };
      const ended = await reconcile(api, tenant, asked);
      const differences: Line[] = [];
      let left = 0;
      for await (const lines of pagesOf(api, tenant, ended)) {
        left += lines.filter(({ repair: by }) => by !== 'none').length;
        if (json) differences.push(...lines);
        else for (const line of lines) printLine(line);
      }
      if (json) printJson({ ...ended, differences });
      else printEnd(ended);
      if (left > 0) process.exitCode = differencesLeft;
      if (ended.problems.length > 0) process.exitCode = 1;
    });
}

function readDay(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('It is a day, as 2026-11-20.');
}

/** Starts a run and waits for its end. One that was joined may not repair: then another follows on it. */
async function reconcile(api: Api, tenant: string, asked: ToReconcile): Promise<Reconciliation> {
  const ended = await ending(api, tenant, await api.reconcile(tenant, asked));
  if (!asked.repair || ended.repairs) return ended;
  return ending(api, tenant, await api.reconcile(tenant, asked));
}

async function ending(api: Api, tenant: string, begun: Begun): Promise<Reconciliation> {
  const silentUntil = Date.now() + mostSilentMs;
  for (;;) {
    const shown = await api.reconciliation(tenant, begun.subject, { after: '0', limit: 1 }).catch(
      // Until the run has begun there is nothing to show.
      (error: unknown) => error,
    );
    const run = isShown(shown) && isOf(begun, shown) ? shown : undefined;
    if (run?.endedAt != null) return run;
    if (!run && Date.now() > silentUntil) {
      if (!isShown(shown) && shown instanceof Failure) throw shown;
      throw new Failure('No worker has begun it within a minute. It goes on as soon as one is up.');
    }
    await delay(lookEveryMs);
  }
}

/** The run that was begun, or the one that was joined and ended after. */
function isOf({ run, askedAt }: Begun, shown: Reconciliation): boolean {
  return shown.run === run || shown.endedAt === null || shown.endedAt >= askedAt;
}

function isShown(shown: unknown): shown is Reconciliation {
  return typeof shown === 'object' && shown !== null && 'endedAt' in shown;
}

type Line = Reconciliation['differences'][number];

/** There may be as many as customers: they are shown page by page. */
async function* pagesOf(
  api: Api,
  tenant: string,
  { subject }: Reconciliation,
): AsyncGenerator<Line[]> {
  for (let after = '0'; ; ) {
    const page = await api.reconciliation(tenant, subject, { after, limit: pageSize });
    yield page.differences;
    const last = page.differences.at(-1);
    if (!last || page.differences.length < pageSize) return;
    after = last.id;
  }
}

function printLine({ campaignId, customerId, promoCode, says, remedy }: Line): void {
  console.log(`${campaignId}  ${customerId}  ${promoCode || '-'}  ${says}  → ${remedy}`);
}

function printEnd(ended: Reconciliation): void {
  const { campaigns, batches, unfinished, strange, unlisted } = ended;
  const of = `${writeCount(campaigns)} campaigns, ${writeCount(batches)} batches`;
  const found =
    Object.keys(ended.counts).length === 0
      ? 'nothing differs'
      : `differs: ${writeCounts(ended.counts)}`;
  console.log(`${ended.subject}: ${of}; ${found}`);
  const beside = writeCounts({
    'campaigns not over yet': unfinished,
    'sent campaigns unknown to the ledger': strange,
    'ended customers to whom nothing was given': unlisted,
  });
  if (beside !== '') console.log(`besides: ${beside}`);
  for (const problem of ended.problems) console.error(`not looked at: ${problem}`);
}
