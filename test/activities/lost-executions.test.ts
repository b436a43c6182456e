import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFulfilments } from '../../src/ledger/fulfilment-list.ts';
import { recordExecution } from '../../src/ledger/fulfilments.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { acme } from '../gateway/doors.ts';
import { executedPlan } from '../ledger/executed.ts';
import { openLedger, rowsOf, runningCampaign, type TestLedger } from '../ledger/ledger.ts';
import { openReading } from './optimove.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(4);
});
afterAll(() => ledger.close());

const executions = { scheduled: { conditional: 'off', executed: 'executions' } };
const hourMs = 3_600_000;

/** One campaign that Optimove has sent through two channels, an hour ago. */
function sentCampaign(section: Record<string, unknown> = executions) {
  const tenant = `t-${randomUUID()}`;
  const reading = openReading(ledger, tenant, { ...acme(section), tenant });
  const { told } = reading;
  told.details = { channelIds: ['504', '610'], durationDays: 7 };
  told.executed = [{ campaignId: '4711', succeeded: true, details: told.details }];
  for (const channel of ['504', '610']) {
    told.sent.set(channel, { rows: rowsOf(1), scheduledAt: Date.now() - hourMs });
  }
  return {
    ...reading,
    id: { tenant, campaignId: '4711' },
    find: () => reading.run(reading.activities.findExecuted, { tenant }),
    channels: async () =>
      (await openFulfilments(ledger.pool, tenant)).map(({ channel }) => channel),
  };
}

test('the channels of which no event 13 has come are found, once, and are debts', async () => {
  const { find, channels, asked } = sentCampaign();
  expect(await find()).toBe(2);
  expect(await channels()).toEqual(['504', '610']);
  expect(asked.filter((one) => one.startsWith('executed')).length).toBe(2);
  expect(await find()).toBe(0);
});

test('a channel that was told of is left alone', async () => {
  const { id, find, channels } = sentCampaign();
  const told = { at: Date.now(), plan: executedPlan() };
  await recordExecution(ledger.pool, { ...id, channel: '504' }, told);
  expect(await find()).toBe(1);
  expect(await channels()).toEqual(['504', '610']);
});

test('a campaign that was told of as a whole is left alone', async () => {
  const { id, find, asked } = sentCampaign();
  const told = { at: Date.now(), plan: executedPlan() };
  await recordExecution(ledger.pool, { ...id, channel: '' }, told);
  expect(await find()).toBe(0);
  expect(asked).not.toContain('details');
});

test('a sending that failed, that is still under way, or that was deleted is not followed', async () => {
  const failed = sentCampaign();
  failed.told.executed = failed.told.executed.map((one) => ({ ...one, succeeded: false }));
  expect(await failed.find()).toBe(0);
  const recent = sentCampaign();
  recent.told.sent.set('504', { rows: rowsOf(1), scheduledAt: Date.now() });
  recent.told.sent.delete('610');
  expect(await recent.find()).toBe(0);
  const deleted = sentCampaign();
  await fenceCampaign(ledger.pool, deleted.id, 'deleted');
  expect(await deleted.find()).toBe(0);
});

test('of a managed tenant only campaigns that were run are looked for', async () => {
  const unknown = sentCampaign({});
  expect(await unknown.find()).toBe(0);
  expect(unknown.asked).not.toContain('details');
  const known = sentCampaign({});
  await runningCampaign(ledger.pool, rowsOf(1), { id: known.id });
  expect(await known.find()).toBe(2);
});

test('nothing is asked where nothing follows on a sending', async () => {
  const { find, asked } = sentCampaign({ scheduled: { conditional: 'off' } });
  expect(await find()).toBe(0);
  expect(asked).toEqual([]);
});
