import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { createApi } from '../api.ts';
import { printFacts, printJson, writeCount, writeInstant } from '../print.ts';

/** `promoflow status` */
export function addStatus(program: Command, environment: Environment): void {
  program
    .command('status')
    .description('how a tenant stands: holds, halts, what is outstanding')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async ({ tenant, json }: { tenant?: string; json?: boolean }) => {
      const api = createApi(environment);
      const status = await api.status(await api.tenant(tenant));
      if (json) return printJson(status);
      const { held, halted } = status;
      printFacts([
        ['tenant', status.tenant],
        ['held', held ?? undefined],
        ['halted', halted ? `${halted.farSide}: ${halted.message}` : undefined],
        ['open campaigns', writeCount(status.openCampaigns)],
        ['unanswered effects', writeCount(status.unknownEffects)],
        ['batches to redeem', writeCount(status.batchesWithRedemptions)],
        ['webhooks to start', writeCount(status.webhooksDue)],
        ['webhooks quarantined', writeCount(status.webhooksQuarantined)],
        ...status.lastWebhooks.map(({ type, at }): [string, string] => [
          `last event ${type}`,
          writeInstant(at),
        ]),
      ]);
    });
}
