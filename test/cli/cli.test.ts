import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DecidedCampaign, decideCampaign } from '../gateway/decided-campaign.ts';
import { type Doors, openDoors, operatorKey } from '../gateway/doors.ts';
import { promoflow, type Run } from './command.ts';

let doors: Doors;
let campaign: DecidedCampaign;
beforeAll(async () => {
  doors = await openDoors();
  campaign = await decideCampaign(doors.pool, '70412');
  await campaign.close();
});
afterAll(() => doors.close());

const run = (...args: string[]): Promise<Run> =>
  promoflow(args, { PROMOFLOW_URL: doors.url, PROMOFLOW_KEY: operatorKey });

describe('promoflow', () => {
  it('lists campaigns in a table without colour', async () => {
    const { code, out } = await run('campaign', 'list');
    expect(code).toBe(0);
    expect(out).toMatch(/70412 .* closed /);
    expect(out).not.toContain('\u001b');
  });

  it('shows a campaign', async () => {
    const { code, out } = await run('campaign', 'show', '70412');
    expect(code).toBe(0);
    expect(out).toContain('allocated 3');
    expect(out).toContain('approved 3');
  });

  it('shows what happened to a customer', async () => {
    const { code, out } = await run('customer', 'show', 'C1', '--campaign', '70412');
    expect(code).toBe(0);
    expect(out).toMatch(/validated .* 20 spins \(tier gold\)/);
    expect(out).toMatch(/allocated .* reference ref-1/);
    expect(out).toMatch(/\d\d:\d\d:\d\dZ .* told .* Status true/);
  });

  it.each([
    [['campaign', 'list', '--json']],
    [['campaign', 'show', '70412', '--json']],
    [['customer', 'show', 'C1', '--json']],
    [['status', '--json']],
  ])('%j writes JSON alone', async (args) => {
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    expect(() => JSON.parse(out)).not.toThrow();
  });

  it.each([
    [['campaign', 'show', '1'], 1, /no campaign of this id/],
    [['customer', 'show', 'nobody'], 1, /nobody is in the audience of no batch/],
    [['campaign', 'show'], 2, /missing required argument/],
    [['campaign', 'list', '--limit', 'many'], 2, /whole number/],
    [['campaign', 'fly'], 2, /unknown command/],
  ])('%j exits with the reason', async (args, code, reason) => {
    const ended = await run(...args);
    expect(ended.code).toBe(code);
    expect(ended.err).toMatch(reason);
  });

  it.each([
    ['without a key', {}, 2, /PROMOFLOW_KEY is not set/],
    ['with a wrong key', { PROMOFLOW_KEY: 'wrong' }, 2, /PROMOFLOW_KEY is no operator key/],
    [
      'where nobody listens',
      { PROMOFLOW_KEY: 'k', PROMOFLOW_URL: 'http://127.0.0.1:9' },
      1,
      /Nothing answers/,
    ],
    ['with a wrong address', { PROMOFLOW_URL: 'nonsense' }, 2, /PROMOFLOW_URL/],
  ])('%s says what to do', async (_name, variables: Record<string, string>, code, reason) => {
    const ended = await promoflow(['status'], { PROMOFLOW_URL: doors.url, ...variables });
    expect(ended.code).toBe(code);
    expect(ended.err).toMatch(reason);
  });
});

describe('promoflow verify', () => {
  it('says that there is no ledger', async () => {
    const { code, err } = await promoflow(['verify'], {});
    expect(code).toBe(2);
    expect(err).toContain('DATABASE_URL');
  });

  it('exits 0 on a sound ledger, and 1 with an example on a violated one', async () => {
    const DATABASE_URL = doors.pool.options.connectionString ?? '';
    const sound = await promoflow(['verify'], { DATABASE_URL });
    expect(sound.code).toBe(0);
    expect(sound.out.match(/ 0 +│\n/g)).toHaveLength(7);

    await doors.pool.query(
      'update batch set clearance = set_byte(clearance, 0, 2) where campaign = $1',
      [campaign.ref],
    );
    const violated = await promoflow(['verify', '--campaign', '70412'], { DATABASE_URL });
    expect(violated.code).toBe(1);
    expect(violated.out).toMatch(/5 violated: campaign 70412, batch 1, position 1/);
    expect(violated.out).not.toContain('C1');
  });
});
