import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { createOdds } from './odds.ts';
import { until } from './until.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

let house: House;
let worker: WorkerProcess;

const seed = 21;
const tenants = ['one', 'two', 'three'];

beforeAll(async () => {
  const section = { platform: { maxItemsPerCall: 50 }, promotions: { maxCustomersPerCall: 200 } };
  const farSides = { latencyMs: { optimove: 20, promotions: 20, platform: 20, data: 20 } };
  const tenancy = { section, farSides, hasDataConnection: true };
  house = await openHouse(Object.fromEntries(tenants.map((name) => [name, tenancy])), {
    hasWorker: false,
  });
  worker = startWorkerProcess(house);
});
afterAll(async () => {
  await worker?.stop();
  await house.close();
});

it(`finishes its campaigns though workers are killed at random instants, by seed ${seed}`, async () => {
  const odds = createOdds(seed);
  const running = tenants.map((tenant) => {
    const options = { customers: 1_000, deadlineInSeconds: 240 };
    return { tenant, id: house.createCampaign(tenant, options) };
  });
  await Promise.all(running.map(({ tenant, id }) => house.sandbox.announce(tenant, id)));
  for (let kills = 0; kills < 3; kills += 1) {
    const call = callsMade() + 1 + odds.below(40);
    await until(`call ${call}`, () => callsMade() >= call, 90_000);
    await delay(odds.below(20));
    await worker.replace();
  }
  for (const { tenant, id } of running) {
    const { summary, epoch } = await ended(house, tenant, id, 120_000);
    expect({ reason: summary?.['reason'], epoch }).toEqual({ reason: 'decided', epoch: 1 });
    const { counts, books } = await expectSound(house, tenant, id);
    expect(counts).toMatchObject({ customers: 1_000, approved: books.approved, unknown: 0 });
    expect(counts.states['lapsed']).toBeUndefined();
  }
}, 180_000);

function callsMade(): number {
  const counts = tenants.flatMap((tenant) => Object.values(house.sandbox.traffic(tenant).calls));
  return counts.reduce((sum, count) => sum + count, 0);
}
