import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Status } from '../../gateway/api/shapes.ts';
import { createApi } from '../api.ts';
import {
  printFacts,
  printJson,
  printTable,
  writeCount,
  writeDuration,
  writeInstant,
} from '../print.ts';

/** `promoflow status` */
export function addStatus(program: Command, environment: Environment): void {
  program
    .command('status')
    .description('how a tenant stands: time left, forecasts, limits, holds, what is outstanding')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async ({ tenant, json }: { tenant?: string; json?: boolean }) => {
      const api = createApi(environment);
      const status = await api.status(await api.tenant(tenant));
      if (json) return printJson(status);
      print(status);
      if (status.campaigns.length > 0) printCampaigns(status);
    });
}

function print(status: Status): void {
  const { held, halted } = status;
  printFacts([
    ['tenant', status.tenant],
    ['held', held ?? undefined],
    ['halted', halted ? `${halted.farSide}: ${halted.message}` : undefined],
    ['open campaigns', writeCount(status.openCampaigns)],
    ['unanswered effects', writeCount(status.unknownEffects)],
    ['batches to redeem', writeCount(status.batchesWithRedemptions)],
    ['claims to end', writeCount(status.batchesWithClaims)],
    ['claims to confirm', writeCount(status.batchesToConfirm)],
    ['webhooks to start', writeCount(status.webhooksDue)],
    ['webhooks quarantined', writeCount(status.webhooksQuarantined)],
    ...status.lastWebhooks.map(({ type, at }): [string, string] => [
      `last event ${type}`,
      writeInstant(at),
    ]),
    ...status.limiter.map((use): [string, string] => [`limit ${use.bucket}`, useOf(use)]),
  ]);
}

function useOf(use: Status['limiter'][number]): string {
  const { taken, requests, perMs, waiting, pausedSeconds } = use;
  const parts = [`${taken} of ${requests} in ${perMs / 1_000} s`];
  if (waiting > 0) parts.push(`${waiting} waiting`);
  if (pausedSeconds > 0) parts.push(`paused for ${Math.ceil(pausedSeconds)} s by a 429`);
  return parts.join(', ');
}

function printCampaigns({ campaigns, holds }: Status): void {
  printTable(
    ['campaign', 'time left', 'forecast', 'note'],
    campaigns.map((campaign) => {
      const hold = holds.find(({ campaignId }) => campaignId === campaign.campaignId);
      return [
        campaign.campaignId,
        writeDuration(campaign.leftMs),
        forecastOf(campaign),
        hold ? `held by ${hold.by ?? 'a guard'}: ${hold.reason}` : '',
      ];
    }),
  );
}

function forecastOf({ finishesAt, lateByMs, callsLeft }: Status['campaigns'][number]): string {
  if (finishesAt === null) return '';
  if (callsLeft === 0) return 'decided';
  const late = lateByMs ? `, too late by ${writeDuration(lateByMs)}` : '';
  return `${writeInstant(finishesAt)}${late}`;
}
