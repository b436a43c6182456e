import type { Command } from 'commander';
import type { z } from 'zod';
import type { Environment } from '../../config/environment.ts';
import type { timelines } from '../../gateway/api/shapes.ts';
import { createApi } from '../api.ts';
import { Failure } from '../failure.ts';
import { printJson, printTable, writeInstant } from '../print.ts';

interface Options {
  tenant?: string;
  campaign?: string;
  json?: boolean;
}

type Assignment = z.output<typeof timelines>['assignments'][number];
type Moment = Assignment['moments'][number];

/** `promoflow customer show` */
export function addCustomer(program: Command, environment: Environment): void {
  const customer = program.command('customer').description('customers, as the ledger has them');
  customer
    .command('show')
    .description('all that happened to one customer')
    .argument('<customer>', "the customer's id")
    .option('--campaign <id>', 'in one campaign only')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async (customerId: string, { tenant, campaign, json }: Options) => {
      const api = createApi(environment);
      const shown = await api.timeline(await api.tenant(tenant), customerId, campaign);
      if (json) return printJson(shown);
      if (shown.assignments.length === 0) {
        const where = campaign === undefined ? 'any campaign' : `campaign ${campaign}`;
        throw new Failure(`The customer ${customerId} is in the audience of no batch of ${where}.`);
      }
      for (const assignment of shown.assignments) print(assignment);
    });
}

function print(assignment: Assignment): void {
  const { campaignId, promoCode, state, clearance, redemption, moments } = assignment;
  const code = promoCode === '' ? 'without a promo code' : `promo code ${promoCode}`;
  console.log(
    `campaign ${campaignId}, ${code}: ${state}, told ${clearance}, redeemed ${redemption}`,
  );
  printTable(
    ['at', 'what', 'more'],
    moments.map((moment) => [writeInstant(moment.at), moment.what, moreOf(moment)]),
  );
}

function moreOf(moment: Moment): string {
  const { status, reason, rewards = [], reference, attempts } = moment;
  return [
    status === undefined ? [] : `Status ${status}`,
    rewards.map(({ rewardTypeId, value, tierName, tierId }) => {
      const tier = tierName ?? tierId;
      return `${value} ${rewardTypeId}${tier === undefined ? '' : ` (tier ${tier})`}`;
    }),
    reference === undefined ? [] : `reference ${reference}`,
    reason ?? [],
    attempts === undefined ? [] : `at attempt ${attempts}`,
  ]
    .flat()
    .join(', ');
}
