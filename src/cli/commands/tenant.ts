import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { createApi } from '../api.ts';
import { printActed } from '../print.ts';

interface Options {
  tenant?: string;
  reason: string;
  json?: boolean;
}

const acts = [
  ['hold', 'holds every campaign of a tenant, also those to come'],
  ['release', "ends a tenant's hold"],
] as const;

/** `promoflow tenant hold | release` */
export function addTenant(program: Command, environment: Environment): void {
  const command = program.command('tenant').description('a tenant as a whole');
  for (const [act, description] of acts) {
    command
      .command(act)
      .description(description)
      .requiredOption('--reason <text>', 'why; kept in the audit')
      .option('--tenant <name>', 'the tenant (default: the only one)')
      .option('--json', 'for machines')
      .action(async ({ tenant, reason, json }: Options) => {
        const api = createApi(environment);
        printActed(await api.actOnTenant(await api.tenant(tenant), act, { reason }), json);
      });
  }
}
