import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { createApi } from '../api.ts';
import { limitUpTo } from '../limit.ts';
import { printJson, printTable, writeInstant } from '../print.ts';

interface Options {
  tenant?: string;
  campaign?: string;
  limit: number;
  json?: boolean;
}

/** `promoflow audit list` */
export function addAudit(program: Command, environment: Environment): void {
  program
    .command('audit')
    .description('what operators did')
    .command('list')
    .description('the latest acts, with who, when and why')
    .option('--campaign <id>', 'on one campaign only')
    .option('--limit <count>', 'how many', limitUpTo(1_000), 50)
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async ({ tenant, campaign, limit, json }: Options) => {
      const api = createApi(environment);
      const { acts } = await api.audit(await api.tenant(tenant), limit, campaign);
      if (json) return printJson(acts);
      if (acts.length === 0) return console.log('No operator has done anything yet.');
      printTable(
        ['at', 'by', 'act', 'of', 'reason'],
        acts.map(({ at, by, act, campaignId, subject, reason }) => [
          writeInstant(at),
          by,
          act,
          campaignId ?? subject ?? '',
          reason ?? '',
        ]),
      );
    });
}
