import { type Command, Option } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { type Roll, rolls } from '../../domain/roll.ts';
import { createApi } from '../api.ts';
import { limitUpTo } from '../limit.ts';
import { printJson, printTable, writeInstant } from '../print.ts';

interface Options {
  roll: Roll;
  tenant?: string;
  json?: boolean;
  limit: number;
  after?: string;
}

/** `promoflow campaign customers`: whom a person has to look at. */
export function addRoll(campaign: Command, environment: Environment): void {
  campaign
    .command('customers')
    .description('customers for a person to look at: who has used, was not sent, is unknown')
    .argument('<id>', 'the CampaignID')
    .addOption(new Option('--roll <which>', 'which of them').choices(rolls).default('used'))
    .option('--limit <count>', 'how many', limitUpTo(10_000), 1_000)
    .option('--after <place>', 'those behind this place')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async (id: string, { roll, tenant, json, limit, after }: Options) => {
      const api = createApi(environment);
      const page = { roll, limit, ...(after !== undefined && { after }) };
      const { customers } = await api.roll(await api.tenant(tenant), id, page);
      if (json) return printJson(customers);
      if (customers.length === 0) return console.log('There is nobody to look at.');
      printTable(
        ['customer', 'promo code', 'state', 'used', 'reason'],
        customers.map((one) => [
          one.customerId,
          one.promoCode,
          one.state,
          writeInstant(one.usedAt),
          one.reason ?? '',
        ]),
      );
      const last = customers.at(-1);
      if (last && customers.length === limit) {
        console.log(`There may be more: --after ${last.place}`);
      }
    });
}
