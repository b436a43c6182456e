import { Command, CommanderError } from 'commander';
import { readEnvironment } from '../config/environment.ts';
import { ConfigError } from '../config/mistakes.ts';
import { addAudit } from './commands/audit.ts';
import { addCampaign } from './commands/campaign.ts';
import { addCustomer } from './commands/customer.ts';
import { addReconcile } from './commands/reconcile.ts';
import { addSetup } from './commands/setup.ts';
import { addStatus } from './commands/status.ts';
import { addSuppress } from './commands/suppress.ts';
import { addTenant } from './commands/tenant.ts';
import { addVerify } from './commands/verify.ts';
import { Failure } from './failure.ts';

/** Runs one command; the process's exit code is 0, 1 for bad news, 2 for what the caller must mend, 3 for differences. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    const environment = readEnvironment();
    const program = new Command('promoflow')
      .description('Looks after promoflow: its campaigns, its customers, its ledger.')
      .exitOverride()
      .configureHelp({ sortSubcommands: true })
      .showHelpAfterError('(promoflow --help lists the commands)');
    for (const add of commands) add(program, environment);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

const commands = [
  ...[addStatus, addCampaign, addCustomer, addSuppress, addTenant, addAudit],
  ...[addReconcile, addVerify, addSetup],
];

/** Commander has printed its own message already. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const text = error instanceof Error ? error.message || error.name : String(error);
  console.error(text);
  if (error instanceof ConfigError) return 2;
  return error instanceof Failure ? error.exitCode : 1;
}

if (import.meta.main) await run(process.argv.slice(2));
