import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { cut } from '../../domain/batching.ts';
import { readId } from '../../wire/atoms.ts';
import { createApi } from '../api.ts';
import { Failure } from '../failure.ts';
import { limitUpTo } from '../limit.ts';
import { printActed, printJson, printTable, writeCount, writeInstant } from '../print.ts';

interface Options {
  tenant?: string;
  json?: boolean;
}

interface ActOptions extends Options {
  reason: string;
}

/** Customers that the operator API takes at once. */
const perCall = 10_000;

/** `promoflow suppress add | remove | list | import` */
export function addSuppress(program: Command, environment: Environment): void {
  const suppress = program.command('suppress').description('customers who must never get anything');
  for (const [name, act, description] of [
    ['add', 'suppress', 'suppresses a customer, also in campaigns under way'],
    ['remove', 'unsuppress', 'takes a customer off the list; what campaigns decided stays'],
  ] as const) {
    acting(suppress.command(name).description(description))
      .argument('<customer>', "the customer's id")
      .action(async (customerId: string, { tenant, reason, json }: ActOptions) => {
        const api = createApi(environment);
        const body = { customerIds: [customerId], reason };
        printActed(await api[act](await api.tenant(tenant), body), json);
      });
  }
  acting(suppress.command('import').description('suppresses every customer of a file'))
    .argument('<file>', 'a text file with one id a line; - for standard input')
    .action(async (file: string, { tenant, reason, json }: ActOptions) => {
      const customerIds = readIds(file);
      const api = createApi(environment);
      const name = await api.tenant(tenant);
      for (const piece of cut(customerIds, perCall)) {
        await api.suppress(name, { customerIds: piece, reason });
      }
      if (json) printJson({ act: 'add', customers: customerIds.length });
      else console.log(`${writeCount(customerIds.length)} customers are suppressed.`);
    });
  suppress
    .command('list')
    .description('the list, by customer')
    .option('--limit <count>', 'how many', limitUpTo(perCall), 1_000)
    .option('--after <customer>', 'those behind this one')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async (options: Options & { limit: number; after?: string }) => {
      const { tenant, json, limit, after } = options;
      const api = createApi(environment);
      const page = { limit, ...(after !== undefined && { after }) };
      const { suppressions } = await api.suppressions(await api.tenant(tenant), page);
      if (json) return printJson(suppressions);
      if (suppressions.length === 0) return console.log('Nobody is suppressed.');
      printTable(
        ['customer', 'since', 'reason'],
        suppressions.map((one) => [one.customerId, writeInstant(one.at), one.reason]),
      );
      const last = suppressions.at(-1);
      if (last && suppressions.length === limit) {
        console.log(`There may be more: --after ${last.customerId}`);
      }
    });
}

function acting(command: Command): Command {
  return command
    .requiredOption('--reason <text>', 'why; kept in the audit')
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines');
}

/** The ids of a file, one a line; all are looked at before the first is sent. */
function readIds(file: string): string[] {
  const ids = new Set<string>();
  for (const [index, line] of read(file).split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === '') continue;
    const id = readId(text);
    if (id === undefined) throw new Failure(`${file}: line ${index + 1} is no customer's id.`, 2);
    ids.add(id);
  }
  if (ids.size === 0) throw new Failure(`${file} names no customer: one id a line.`, 2);
  return [...ids];
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? process.stdin.fd : file, 'utf8');
  } catch {
    throw new Failure(`${file} cannot be read.`, 2);
  }
}
