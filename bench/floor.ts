import { parseArgs } from 'node:util';
import { createPool } from '../src/ledger/pool.ts';
import { batchSize, deadlineInSeconds, tenant } from './campaign-tenant.ts';
import { createFloorCalls, type FloorCalls, type FloorMember } from './floor-calls.ts';
import { createFloorHttp } from './floor-http.ts';
import { cutInLedger, keptInLedger, openInLedger, stageRows, takeBatch } from './floor-ledger.ts';
import {
  findPromocodes,
  inLanes,
  nothingKept,
  readPages,
  targetedOf,
  walkBatch,
} from './floor-walk.ts';

/** What a floor prints, as its only line. */
export interface FloorTime {
  /** From the first call to the last answer. */
  seconds: number;
  /** The script's own, from its start. */
  processorSeconds: number;
}

const dayMs = 86_400_000;
const executionDelayMs = 1_800_000;
const durationDays = 7;

/** The HTTP floor: the calls of a campaign, and nothing stored. */
async function runBare(calls: FloorCalls, campaignId: string): Promise<void> {
  await calls.details();
  const customers: ReturnType<typeof targetedOf> = [];
  const codes = new Set<string>();
  await readPages(calls, (rows) => {
    for (const customer of targetedOf(rows)) {
      customers.push(customer);
      for (const code of customer.promoCodes) codes.add(code);
    }
  });
  const promocodes = await findPromocodes(calls, codes);
  const batches = Array.from({ length: Math.ceil(customers.length / batchSize) }, (_, number) =>
    customers.slice(number * batchSize, (number + 1) * batchSize),
  );
  await inLanes(batches, async (batch) => {
    let position = 0;
    const members = batch.flatMap(({ customerId, actionId, promoCodes }) =>
      promoCodes.map((promoCode): FloorMember => {
        position += 1;
        return { position, customerId, promoCode, actionId };
      }),
    );
    await walkBatch(calls, campaignId, members, promocodes, nothingKept);
  });
}

/** The full floor: the same calls, with everything that the ledger keeps of them. */
async function runStored(
  calls: FloorCalls,
  campaignId: string,
  databaseUrl: string,
): Promise<number> {
  const pool = createPool(databaseUrl);
  const ref = await openInLedger(pool, campaignId);
  const started = performance.now();
  await calls.details();
  const codes = new Set<string>();
  let number = 0;
  await readPages(calls, async (rows) => {
    for (const { promoCodes } of targetedOf(rows)) for (const code of promoCodes) codes.add(code);
    await stageRows(pool, ref, number, rows);
    number += 1;
  });
  const batches = await cutInLedger(pool, ref);
  const promocodes = await findPromocodes(calls, codes);
  await inLanes(batches, async (one) => {
    const batch = await takeBatch(pool, ref, one);
    await walkBatch(calls, campaignId, batch.members, promocodes, keptInLedger(pool, batch));
  });
  const ended = performance.now();
  await pool.end();
  return ended - started;
}

const { values } = parseArgs({
  options: {
    sandbox: { type: 'string', default: '' },
    campaign: { type: 'string', default: '' },
    database: { type: 'string' },
  },
});
const { sandbox, campaign: campaignId, database } = values;
const expiresAt = Date.now() + deadlineInSeconds * 1_000 + executionDelayMs + durationDays * dayMs;
const http = createFloorHttp(sandbox, tenant);
const calls = createFloorCalls(http, { campaignId, durationDays, expiresAt });
const started = performance.now();
const ms =
  database === undefined
    ? await runBare(calls, campaignId).then(() => performance.now() - started)
    : await runStored(calls, campaignId, database);
const { user, system } = process.cpuUsage();
const time: FloorTime = { seconds: ms / 1_000, processorSeconds: (user + system) / 1e6 };
console.log(JSON.stringify(time));
process.exit(0);
