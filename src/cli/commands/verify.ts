import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { type Invariant, verify } from '../../ledger/invariants.ts';
import { withLedger } from '../ledger.ts';
import { printJson, printTable, writeCount } from '../print.ts';

interface Options {
  tenant?: string;
  campaign?: string;
  json?: boolean;
}

/** `promoflow verify`: on the ledger itself, of DATABASE_URL or of the data folder. */
export function addVerify(program: Command, environment: Environment): void {
  program
    .command('verify')
    .description('checks the invariants on the live ledger; exits 1 when one is violated')
    .option('--tenant <name>', 'of one tenant only')
    .option('--campaign <id>', 'of one campaign only')
    .option('--json', 'for machines')
    .action(async ({ tenant, campaign, json }: Options) => {
      const invariants = await withLedger(environment, (pool) =>
        verify(pool, { tenant, campaign }),
      );
      if (json) printJson(invariants);
      else print(invariants);
      if (invariants.some(({ violated }) => violated > 0)) process.exitCode = 1;
    });
}

function print(invariants: Invariant[]): void {
  printTable(
    ['', 'invariant', 'checked', 'violated'],
    invariants.map(({ number, rule, checked, unit, violated }) => [
      String(number),
      rule,
      `${writeCount(checked)} ${unit}`,
      writeCount(violated),
    ]),
  );
  for (const { number, examples, listed } of invariants) {
    for (const example of examples) console.log(`${number} violated: ${example}`);
    for (const one of listed) console.log(`${number} listed: ${one}`);
  }
}
