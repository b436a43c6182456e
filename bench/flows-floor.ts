import { parseArgs } from 'node:util';
import { createPool } from '../src/ledger/pool.ts';
import { batchSize, tenant } from './campaign-tenant.ts';
import type { FloorTime } from './floor.ts';
import { createFloorCalls, type FloorMember } from './floor-calls.ts';
import { createFloorHttp } from './floor-http.ts';
import { keptInLedger, takeBatch } from './floor-ledger.ts';
import { inLanes, nothingKept } from './floor-walk.ts';
import { createExecutedCalls } from './flows-floor-calls.ts';
import { cutExecuted, openExecuted, stageEntitled } from './flows-floor-ledger.ts';
import {
  type Entitled,
  type ExecutedFlow,
  findAwarded,
  findSent,
  type TakePage,
  walkExecuted,
} from './flows-floor-walk.ts';

const dayMs = 86_400_000;
const durationDays = 7;

const { values } = parseArgs({
  options: {
    sandbox: { type: 'string', default: '' },
    campaign: { type: 'string', default: '' },
    channel: { type: 'string', default: '' },
    flow: { type: 'string', default: '' },
    database: { type: 'string' },
  },
});
const { campaign: campaignId, channel, database } = values;
const flow: ExecutedFlow = values.flow === 'automatic' ? 'automatic' : 'executions';
const http = createFloorHttp(values.sandbox, tenant);
const campaignCalls = (expiresAt: number) =>
  createFloorCalls(http, { campaignId, durationDays, expiresAt });
const calls = { ...campaignCalls(0), ...createExecutedCalls(http, { campaignId, channel }) };
const find = (take: TakePage) =>
  flow === 'automatic' ? findAwarded(calls, take) : findSent(calls, take);

/** The HTTP floor: the calls of the flow, and nothing stored. */
async function runBare(): Promise<void> {
  await calls.details();
  const customers = new Map<string, Entitled>();
  const { promocodes, scheduledAt } = await find((rows) => {
    for (const row of rows) unite(customers, row);
  });
  const { allocate } = campaignCalls(scheduledAt + durationDays * dayMs);
  const all = [...customers.values()];
  const batches = Array.from({ length: Math.ceil(all.length / batchSize) }, (_, number) =>
    all.slice(number * batchSize, (number + 1) * batchSize),
  );
  const of = { flow, campaignId, promocodes };
  await inLanes(batches, (batch) =>
    walkExecuted({ ...calls, allocate }, of, membersOf(batch), nothingKept),
  );
}

/** The same customer comes again in the second sweep, and with another code on another page. */
function unite(customers: Map<string, Entitled>, row: Entitled): void {
  const known = customers.get(row.customerId);
  if (!known) customers.set(row.customerId, row);
  else {
    const news = row.promoCodes.filter((code) => !known.promoCodes.includes(code));
    known.promoCodes.push(...news);
  }
}

function membersOf(batch: readonly Entitled[]): FloorMember[] {
  const members = batch.flatMap(({ customerId, actionId, promoCodes }) =>
    promoCodes.map((promoCode) => ({ customerId, promoCode, actionId })),
  );
  return members.map((member, index) => ({ position: index + 1, ...member }));
}

/** The full floor: the same calls, with everything that the ledger keeps of them. */
async function runStored(databaseUrl: string): Promise<number> {
  const pool = createPool(databaseUrl);
  const opened = await openExecuted(pool, { flow, campaignId, channel });
  const started = performance.now();
  await calls.details();
  const { promocodes, scheduledAt } = await find((rows, sweep, page) =>
    stageEntitled(pool, opened, rows, { sweep, page }),
  );
  const { batches, endsAt } = await cutExecuted(pool, opened, { scheduledAt, durationDays });
  const { allocate } = campaignCalls(endsAt);
  const of = { flow, campaignId, promocodes };
  await inLanes(batches, async (number) => {
    const batch = await takeBatch(pool, opened.ref, number);
    await walkExecuted({ ...calls, allocate }, of, batch.members, keptInLedger(pool, batch));
  });
  const ended = performance.now();
  await pool.end();
  return ended - started;
}

const started = performance.now();
const ms =
  database === undefined
    ? await runBare().then(() => performance.now() - started)
    : await runStored(database);
const { user, system } = process.cpuUsage();
const time: FloorTime = { seconds: ms / 1_000, processorSeconds: (user + system) / 1e6 };
console.log(JSON.stringify(time));
process.exit(0);
