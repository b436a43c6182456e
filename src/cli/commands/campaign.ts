import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Campaign } from '../../gateway/api/shapes.ts';
import { type CampaignAct, createApi } from '../api.ts';
import { limitUpTo } from '../limit.ts';
import {
  printActed,
  printFacts,
  printJson,
  printTable,
  writeCount,
  writeCounts,
  writeInstant,
} from '../print.ts';
import { addRoll } from './roll.ts';
import { addSimulate } from './simulate.ts';

interface Options {
  tenant?: string;
  json?: boolean;
  limit: number;
}

/** `promoflow campaign list | show | customers | simulate | hold | release | cancel | retry` */
export function addCampaign(program: Command, environment: Environment): void {
  const campaign = program.command('campaign').description('campaigns, as the ledger has them');
  campaign
    .command('list')
    .description('the latest campaigns of a tenant')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--limit <count>', 'how many', limitUpTo(1_000), 50)
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
  addRoll(campaign, environment);
  addSimulate(campaign, environment);
  for (const [act, description] of acts) {
    const command = campaign
      .command(act)
      .description(description)
      .argument('<id>', 'the CampaignID')
      .requiredOption('--reason <text>', 'why; kept in the audit')
      .option('--tenant <name>', 'the tenant (default: the only one)')
      .option('--json', 'for machines')
      .action(async (id: string, { tenant, json, reason, force }: ActOptions) => {
        const api = createApi(environment);
        const body = { reason, ...(force && { force }) };
        printActed(await api.actOnCampaign(await api.tenant(tenant), id, act, body), json);
      });
    if (act === 'cancel') {
      command.option('--force', 'also when customers were told and cannot be told otherwise');
    }
  }
}

interface ActOptions extends Pick<Options, 'tenant' | 'json'> {
  reason: string;
  force?: boolean;
}

const acts: [CampaignAct, string][] = [
  ['hold', 'gives and approves nothing more until it is released'],
  ['release', "ends a hold; a guard's hold needs a key with the role approve"],
  ['cancel', 'ends it: tells false while that counts, then takes everything back'],
  ['retry', 'opens it again over what is not final'],
];

/** What follows on its sending through one channel. */
function sentThrough(one: Campaign['fulfilments'][number]): [string, string] {
  const begins = one.startsAt !== null && one.startsAt > Date.now();
  const waiting = begins ? `begins ${writeInstant(one.startsAt)}` : 'under way';
  const told = `told ${writeInstant(one.toldAt)}`;
  return [`sent through ${one.channel ?? 'all channels'}`, `${told}, ${one.outcome ?? waiting}`];
}

function noteOf(line: Pick<Campaign, 'fence' | 'held' | 'problem'>): string {
  const { fence, held, problem } = line;
  const fenced = { deleted: 'deleted', operator: 'canceled' };
  return [fence ? fenced[fence] : [], held === null ? [] : `held: ${held}`, problem ?? []]
    .flat()
    .join('; ');
}

/** Of a shadow run nobody outside has heard. */
function shadowOf({ campaignId, plan }: Campaign): string | undefined {
  if (plan?.['flow'] !== 'shadow') return undefined;
  return `shadow: nothing was done; \`promoflow campaign simulate ${campaignId}\` tells what would have been`;
}

function print(shown: Campaign): void {
  const { counts, instants, summary } = shown;
  printFacts([
    ['campaign', `${shown.campaignId} of ${shown.tenant}`],
    ['phase', `${shown.phase}, epoch ${shown.epoch}, pass ${shown.pass}`],
    ['note', noteOf(shown)],
    ['flow', shadowOf(shown)],
    ['held by', shown.heldBy ?? undefined],
    ['deadline', writeInstant(instants?.deadline ?? null)],
    ['stop', writeInstant(instants?.stop ?? null)],
    ['rewards end', writeInstant(shown.expiresAt)],
    ['customers', writeCount(counts.customers)],
    ['assignments', writeCounts(counts.states)],
    [
      'told',
      writeCounts({
        ...{ approved: counts.approved, denied: counts.denied, unknown: counts.unknown },
        delegated: counts.delegated,
      }),
    ],
    ...shown.fulfilments.map(sentThrough),
    ['redemptions', writeCounts(counts.redemptions)],
    ['ended', summary === null ? undefined : String(summary['reason'])],
  ]);
}
