import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { Environment } from '../../config/environment.ts';
import { mostCustomers, type Simulation } from '../../gateway/api/simulation-shapes.ts';
import { readId } from '../../wire/atoms.ts';
import { createApi } from '../api.ts';
import { Failure } from '../failure.ts';
import {
  printFacts,
  printJson,
  printTable,
  writeCount,
  writeCounts,
  writeDuration,
  writeInstant,
} from '../print.ts';

interface Options {
  file?: string;
  deadline?: string;
  tenant?: string;
  json?: boolean;
}

/** `promoflow campaign simulate` */
export function addSimulate(campaign: Command, environment: Environment): void {
  campaign
    .command('simulate')
    .description('tells what a campaign would do, and does nothing')
    .argument('<id>', 'the CampaignID')
    .option(
      '--file <path>',
      'a line a customer in place of the audience: id, then codes; - for stdin',
    )
    .option('--deadline <instant>', 'such as 2026-11-20T13:39:21Z, or 30m from now', readDeadline)
    .option('--tenant <name>', 'the tenant (default: the only one)')
    .option('--json', 'for machines')
    .action(async (id: string, { file, deadline, tenant, json }: Options) => {
      const customers = file === undefined ? undefined : readCustomers(file);
      const api = createApi(environment);
      const simulation = await api.simulate(await api.tenant(tenant), id, {
        ...(customers && { customers }),
        ...(deadline !== undefined && { deadline }),
      });
      if (json) printJson(simulation);
      else print(simulation);
    });
}

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An instant with its zone, or a time from now on. */
function readDeadline(text: string): string {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const fromNow = count === undefined ? undefined : Number(count) * (unitMs[unit] ?? 0);
  if (fromNow !== undefined) return new Date(Date.now() + fromNow).toISOString();
  const hasZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)$/.test(text);
  if (hasZone && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new InvalidArgumentError(
    'It is an instant with its zone, such as 2026-11-20T13:39:21Z, or a time from now, such as 30m, 2h or 1d.',
  );
}

interface Customer {
  customerId: string;
  promoCodes: string[];
}

/** Mistakes beyond these are counted. */
const mostShown = 20;

/** The customers of a file; all lines are looked at before anything is sent, and all mistakes told at once. */
function readCustomers(file: string): Customer[] {
  const lines = read(file)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const customers: Customer[] = [];
  const mistakes: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const customer = readCustomer(line);
    if (typeof customer === 'string') mistakes.push(`${file}: line ${index + 1} ${customer}.`);
    else customers.push(customer);
  }
  if (mistakes.length > mostShown) {
    mistakes.push(`… and ${writeCount(mistakes.splice(mostShown).length)} more lines.`);
  }
  if (mistakes.length > 0) throw new Failure(mistakes.join('\n'), 2);
  if (customers.length === 0) {
    throw new Failure(
      `${file} names no customer: one a line, its id, then its codes, with commas.`,
      2,
    );
  }
  if (customers.length > mostCustomers) {
    const count = `${writeCount(customers.length)} customers, and at most ${writeCount(mostCustomers)} are taken`;
    const instead = 'give some of them, or leave --file out to have the campaign itself simulated';
    throw new Failure(`${file} names ${count}: ${instead}.`, 2);
  }
  return customers;
}

/** What is wrong with the line, where something is. */
function readCustomer(line: string): Customer | string {
  const [customerId = '', ...promoCodes] = line.split(',').map((part) => part.trim());
  if (readId(customerId) === undefined) return "has no customer's id in front";
  const wrong = promoCodes.findIndex((code) => readId(code) === undefined);
  if (wrong >= 0) return `has no promo code in place ${wrong + 2}`;
  return { customerId, promoCodes };
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? process.stdin.fd : file, 'utf8');
  } catch {
    throw new Failure(`${file} cannot be read.`, 2);
  }
}

function print(simulation: Simulation): void {
  const { audience, passed, unknownCodes, outlook, needsMs, guards, notes } = simulation;
  const { controls, malformed, targeted } = audience;
  const told = (count: number | null) => (count === null ? undefined : writeCount(count));
  printFacts([
    ['campaign', `${simulation.campaignId} of ${simulation.tenant}, simulated: nothing was done`],
    ['flow', simulation.flow],
    ['audience', `${writeCount(audience.customers)} customers, from ${sources[simulation.source]}`],
    ["Optimove's count", told(targeted)],
    ['control group', told(controls)],
    ['malformed rows', told(malformed)],
    ['screened out', writeCounts(simulation.screenedOut) || 'nobody'],
    ['would go on', `${writeCount(passed.customers)} customers`],
    ['by promo code', writeCounts({ ...passed.promoCodes, none: passed.withoutCode })],
    ...unknownCodes.map(({ promoCode, assignments, follows }): [string, string] => [
      'unknown code',
      `${promoCode}: its ${writeCount(assignments)} would be ${follows}`,
    ]),
    ['takes', `${writeDuration(needsMs)}, as its allowances let it`],
    ['deadline', writeInstant(outlook?.deadline ?? null)],
    ['stop', writeInstant(outlook?.stop ?? null)],
    ['decided by', writeInstant(outlook?.finishesAt ?? null)],
    ...guards.map(({ limit, says }): [string, string] => [limit, says]),
    ...notes.map((note): [string, string] => ['note', note]),
  ]);
  printCalls(simulation);
  console.log(simulation.verdict);
}

const sources = { optimove: 'Optimove', ledger: 'the ledger', file: 'the file' };

function printCalls({ calls, allowances }: Simulation): void {
  printTable(
    ['calls', 'how many', 'when'],
    calls.map((line) => [line.kind, writeCount(line.calls), times[line.when]]),
  );
  if (allowances.length === 0) return;
  printTable(
    ['allowance', 'calls', 'takes'],
    allowances.map(({ bucket, requests, perMs, calls: count, needsMs }) => [
      `${bucket}: ${requests} in ${perMs / 1_000} s`,
      writeCount(count),
      writeDuration(needsMs),
    ]),
  );
}

const times = {
  collecting: 'before anything else',
  deciding: 'up to the last report',
  after: 'later',
};
