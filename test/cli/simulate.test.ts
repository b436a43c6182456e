import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createWorld } from '../../src/adapters/world.ts';
import { acme, type Doors, openDoors, operatorKey } from '../gateway/doors.ts';
import { row, runningCampaign } from '../ledger/ledger.ts';
import { promoflow, type Run } from './command.ts';

let sandbox: Sandbox;
let doors: Doors;
let folder: string;
let campaignId: string;
beforeAll(async () => {
  sandbox = await startSandbox();
  const urls = sandbox.urls('acme');
  const settings = acme({
    optimove: { baseUrl: urls.optimove, apiKey: 'sandbox-optimove-key' },
    promotions: { baseUrl: urls.promotions, apiKey: 'sandbox-promotions-key' },
    scheduled: { conditional: 'shadow' },
  });
  const world = createWorld(settings, {
    turn: async () => ({ answered: async () => {}, pause: async () => {} }),
    onUnauthorized: async () => {},
  });
  doors = await openDoors({ settings, worlds: new Map([['acme', world]]) });
  folder = mkdtempSync(join(tmpdir(), 'promoflow-simulate-'));
  campaignId = sandbox.createCampaign('acme', { customers: 200, codes: ['SPRING25', 'OTHER'] });
});
afterAll(async () => {
  await doors.close();
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]): Promise<Run> =>
  promoflow(['campaign', ...args], { PROMOFLOW_URL: doors.url, PROMOFLOW_KEY: operatorKey });

function fileOf(text: string): string {
  const file = join(folder, `${Math.random()}.csv`);
  writeFileSync(file, text);
  return file;
}

describe('promoflow campaign simulate', () => {
  it('tells in a page what would be done, and the verdict last', async () => {
    const { code, out, err } = await run('simulate', campaignId, '--deadline', '30m');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^campaign +\d+ of acme, simulated: nothing was done\nflow +shadow\n/);
    expect(out).toMatch(/audience +200 customers, from Optimove/);
    expect(out).toMatch(/by promo code +SPRING25 200 · OTHER \d+/);
    expect(out).toMatch(/unknown code +OTHER: its \d+ would be refused/);
    expect(out).toMatch(/validations +│ 1 +│ up to the last report/);
    expect(out).toMatch(/acme\/optimove: 50 in 10 s/);
    expect(out).toMatch(/\nIt would be decided 29 minutes before its stop\.\n$/);
  });

  it('takes the customers of a file, and writes JSON alone where it is asked to', async () => {
    const file = fileOf('\uFEFFc1,SPRING25\r\n\r\n007\nc2, SPRING25 ,OTHER\n');
    const { code, out } = await run('simulate', '1', '--file', file, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      source: 'file',
      passed: { customers: 3, withoutCode: 1, promoCodes: { SPRING25: 2, OTHER: 1 } },
    });
  });

  it('tells all mistakes of a file at once, and asks nobody', async () => {
    const file = fileOf(`c1,SPRING25\n,SPRING25\nc2,,X\n${'z'.repeat(300)}\n`);
    const before = JSON.stringify(sandbox.traffic('acme').calls);
    expect(await run('simulate', campaignId, '--file', file)).toEqual({
      code: 2,
      out: '',
      err: [
        `${file}: line 2 has no customer's id in front.`,
        `${file}: line 3 has no promo code in place 2.`,
        `${file}: line 4 has no customer's id in front.`,
        '',
      ].join('\n'),
    });
    expect(JSON.stringify(sandbox.traffic('acme').calls)).toBe(before);
  });

  it.each([
    [['--file', '/nonexistent'], /\/nonexistent cannot be read/],
    [['--deadline', 'soon'], /instant with its zone, such as .*, or a time from now, such as 30m/],
    [['--deadline', '2030-01-01T10:00:00'], /instant with its zone/],
  ])('refuses %j before it is sent', async (args, sentence) => {
    const { code, err } = await run('simulate', campaignId, ...args);
    expect(code).toBe(2);
    expect(err).toMatch(sentence);
  });

  it('refuses a file of too many, and says what to do instead', async () => {
    const file = fileOf('c1\n'.repeat(100_001));
    const { code, err } = await run('simulate', campaignId, '--file', file);
    expect(code).toBe(2);
    expect(err).toMatch(/100,001 customers, and at most 100,000 are taken: .*leave --file out/);
  });

  it('says that Optimove does not know a campaign', async () => {
    const { code, err } = await run('simulate', '99');
    expect(code).toBe(1);
    expect(err).toMatch(/404: Optimove does not know the campaign 99/);
  });
});

describe('promoflow campaign show', () => {
  it('says of a shadow run that nothing was done, and what tells more', async () => {
    const [shadow, managed] = ['81', '82'];
    for (const [id, flow] of [
      [shadow, 'shadow'],
      [managed, 'managed'],
    ] as const) {
      await runningCampaign(doors.pool, [row('c1', 'SPRING25')], {
        id: { tenant: 'acme', campaignId: id },
        plan: { flow },
      });
    }
    expect((await run('show', shadow)).out).toMatch(
      /shadow: nothing was done; `promoflow campaign simulate 81` tells what would have been/,
    );
    expect((await run('show', managed)).out).not.toContain('nothing was done');
  });
});
