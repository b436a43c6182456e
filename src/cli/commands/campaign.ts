import { type Command, InvalidArgumentError } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Campaign } from '../../gateway/api/shapes.ts';
import { createApi } from '../api.ts';
import {
  printFacts,
  printJson,
  printTable,
  writeCount,
  writeCounts,
  writeInstant,
} from '../print.ts';

interface Options {
  tenant?: string;
  json?: boolean;
  limit: number;
}

/** `promoflow campaign list | show` */
export function addCampaign(program: Command, environment: Environment): void {
  const campaign = program.command('campaign').description('campaigns, as the ledger has them');
  campaign
    .command('list')
    .description('the latest campaigns of a tenant')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--limit <count>', 'how many', readLimit, 50)
    .option('--json', 'for machines')
    .action(async ({ tenant, limit, json }: Options) => {
      const api = createApi(environment);
      const { campaigns } = await api.campaigns(await api.tenant(tenant), limit);
      if (json) return printJson(campaigns);
      if (campaigns.length === 0) return console.log('No campaign has been announced yet.');
      printTable(
        ['campaign', 'phase', 'deadline', 'customers', 'note'],
        campaigns.map((line) => [
          line.campaignId,
          line.phase,
          writeInstant(line.deadline),
          writeCount(line.audience),
          noteOf(line),
        ]),
      );
    });
  campaign
    .command('show')
    .description('one campaign, with its counts now')
    .argument('<id>', 'the CampaignID')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async (id: string, { tenant, json }: Options) => {
      const api = createApi(environment);
      const shown = await api.campaign(await api.tenant(tenant), id);
      if (json) printJson(shown);
      else print(shown);
    });
}

function noteOf(line: Pick<Campaign, 'fence' | 'held' | 'problem'>): string {
  const { fence, held, problem } = line;
  return [fence ?? [], held === null ? [] : `held: ${held}`, problem ?? []].flat().join('; ');
}

function print(shown: Campaign): void {
  const { counts, instants, summary } = shown;
  printFacts([
    ['campaign', `${shown.campaignId} of ${shown.tenant}`],
    ['phase', `${shown.phase}, epoch ${shown.epoch}, pass ${shown.pass}`],
    ['note', noteOf(shown)],
    ['deadline', writeInstant(instants?.deadline ?? null)],
    ['stop', writeInstant(instants?.stop ?? null)],
    ['rewards end', writeInstant(shown.expiresAt)],
    ['customers', writeCount(counts.customers)],
    ['assignments', writeCounts(counts.states)],
    [
      'told',
      writeCounts({ approved: counts.approved, denied: counts.denied, unknown: counts.unknown }),
    ],
    ['redemptions', writeCounts(counts.redemptions)],
    ['ended', summary === null ? undefined : String(summary['reason'])],
  ]);
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError('It is a whole number from 1 to 1000.');
}
