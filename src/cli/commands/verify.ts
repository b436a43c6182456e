import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { type Invariant, verify } from '../../ledger/invariants.ts';
import { createPool } from '../../ledger/pool.ts';
import { ledgerMissing } from '../../ledger/readiness.ts';
import { Failure } from '../failure.ts';
import { readGatewayNote } from '../gateway-note.ts';
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
      const invariants = await check(environment, { tenant, campaign });
      if (json) printJson(invariants);
      else print(invariants);
      if (invariants.some(({ violated }) => violated > 0)) process.exitCode = 1;
    });
}

async function check(
  environment: Environment,
  scope: { tenant: string | undefined; campaign: string | undefined },
): Promise<Invariant[]> {
  const { dataFolder } = environment;
  const url = environment.databaseUrl ?? readGatewayNote(dataFolder)?.databaseUrl;
  if (url === undefined) {
    const message = `There is no ledger in ${dataFolder}: set DATABASE_URL, or PROMOFLOW_DATA.`;
    throw new Failure(message, 2);
  }
  const pool = createPool(url, 1);
  try {
    const missing = await ledgerMissing(pool);
    if (missing !== undefined) throw new Failure(`${missing}. Is promoflow started?`);
    return await verify(pool, scope);
  } finally {
    await pool.end();
  }
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
