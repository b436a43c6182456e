import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Invariant, verify } from '../../src/ledger/invariants.ts';
import { createPool } from '../../src/ledger/pool.ts';
import { fenceCampaign } from '../../src/ledger/standing.ts';
import { createDatabase, type TestDatabase } from '../database.ts';
import { type DecidedCampaign, decideCampaign } from '../gateway/decided-campaign.ts';

let database: TestDatabase;
let pool: pg.Pool;
let numbers = 0;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool(database.url, 3);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function decided(): Promise<DecidedCampaign> {
  numbers += 1;
  return decideCampaign(pool, String(numbers));
}

async function violations(
  campaign: DecidedCampaign,
): Promise<Pick<Invariant, 'number' | 'examples'>[]> {
  const checked = await verify(pool, { tenant: 'acme', campaign: campaign.campaignId });
  expect(checked.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  return checked
    .filter(({ violated }) => violated > 0)
    .map(({ number, examples }) => ({ number, examples }));
}

async function write(statement: string, campaign: DecidedCampaign): Promise<void> {
  const written = await pool.query(statement, [campaign.ref]);
  expect(written.rowCount).toBeGreaterThan(0);
}

/** Writes one byte of a packed column; a place in a list takes two, of which the second counts. */
const setElement = (column: string, byte: number, value: number) =>
  `update batch set ${column} = set_byte(${column}, ${byte}, ${value}) where campaign = $1`;

describe('verify', () => {
  it('finds nothing in a campaign that is running', async () => {
    expect(await violations(await decided())).toEqual([]);
  });

  it('finds nothing in a campaign that has ended', async () => {
    const campaign = await decided();
    await campaign.close();
    expect(await violations(campaign)).toEqual([]);
  });

  it('says how much it looked at', async () => {
    const campaign = await decided();
    await campaign.close();
    const checked = await verify(pool, { campaign: campaign.campaignId });
    expect(checked.map((one) => one.checked)).toEqual([4, 3, 4, 0, 6, 1, 5]);
  });

  it('finds an assignment that was allocated twice', async () => {
    const campaign = await decided();
    await campaign.perform({ kind: 'allocate', positions: [2, 3], key: 'again' });
    const found = await violations(campaign);
    expect(found).toEqual([{ number: 1, examples: [expect.stringContaining('{[2,4)}')] }]);
  });

  it('finds an allocation after its revocation', async () => {
    const campaign = await decided();
    await campaign.perform({ kind: 'revoke', positions: [5] });
    await campaign.perform({ kind: 'allocate', positions: [5] });
    expect(await violations(campaign)).toMatchObject([{ number: 1 }]);
  });

  it('finds an approval of a customer who holds nothing', async () => {
    const campaign = await decided();
    const approved = '{[4,5)}';
    await campaign.perform({
      kind: 'approve',
      positions: [4],
      kept: { approved },
      becomes: 'told_true',
    });
    expect(await violations(campaign)).toEqual([
      { number: 2, examples: [expect.stringContaining('position 4: approved, but declined')] },
    ]);
  });

  it('finds an approval that came before the allocation', async () => {
    const campaign = await decided();
    await write(
      `update effect set answered = begun + interval '1 hour' where campaign = $1 and kind = 'allocate'`,
      campaign,
    );
    expect(await violations(campaign)).toEqual([
      { number: 2, examples: [expect.stringContaining('[1,4): approved before')] },
    ]);
  });

  it('finds a second validation of somebody who passed', async () => {
    const campaign = await decided();
    await campaign.perform({ kind: 'validate', positions: [1], key: 'again' });
    expect(await violations(campaign)).toMatchObject([{ number: 3 }]);
  });

  it('finds a unique code that went to two', async () => {
    const campaign = await decided();
    await write(
      `update batch set unique_codes = concat_ws(chr(31), 'ONE', 'TWO', 'ONE') where campaign = $1`,
      campaign,
    );
    expect(await violations(campaign)).toMatchObject([{ number: 3 }]);
  });

  it('finds what began after the fence', async () => {
    const campaign = await decided();
    await fenceCampaign(pool, { tenant: 'acme', campaignId: campaign.campaignId }, 'deleted');
    await write(
      `update effect set begun = clock_timestamp() where campaign = $1 and kind = 'approve'`,
      campaign,
    );
    expect(await violations(campaign)).toEqual([
      { number: 4, examples: [expect.stringContaining('approve begun after the fence')] },
    ]);
  });

  it('finds what a cancellation left allocated, once it has ended', async () => {
    const campaign = await decided();
    await fenceCampaign(pool, { tenant: 'acme', campaignId: campaign.campaignId }, 'deleted');
    expect(await violations(campaign)).toEqual([]);
    await campaign.close('deleted');
    expect(await violations(campaign)).toMatchObject([{ number: 4 }]);
  });

  it.each([
    ['somebody undecided', setElement('state', 3, 1), 'screened'],
    ['an end without a reason', setElement('reason', 9, 0), 'without a reason'],
    ['a reward nobody was approved for', setElement('clearance', 0, 2), 'told denied'],
  ])('finds, at the end, %s', async (_name, statement, words) => {
    const campaign = await decided();
    await write(statement, campaign);
    expect((await violations(campaign)).map(({ number }) => number)).not.toContain(5);
    await campaign.close();
    const found = (await violations(campaign)).find(({ number }) => number === 5);
    expect(found?.examples).toEqual([expect.stringContaining(words)]);
  });

  it('finds a member without a key', async () => {
    const campaign = await decided();
    await write('delete from assignment where campaign = $1 and position = 2', campaign);
    await campaign.close();
    expect(await violations(campaign)).toEqual([
      { number: 5, examples: [expect.stringContaining('5 keys for 6 members')] },
    ]);
  });

  it('finds a report after the deadline', async () => {
    const campaign = await decided();
    await write(`update campaign set deadline = now() - interval '1 day' where ref = $1`, campaign);
    expect(await violations(campaign)).toMatchObject([{ number: 6 }]);
  });

  it('lists a lost report with its next step, and finds a lost allocation at the end', async () => {
    const campaign = await decided();
    const lose = (kind: string) =>
      write(
        `update effect set outcome = null, answered = null, alive_until = now() - interval '1 s'
         where campaign = $1 and kind = '${kind}'`,
        campaign,
      );
    await lose('approve');
    await campaign.close();
    expect(await violations(campaign)).toEqual([]);
    const checked = await verify(pool, { campaign: campaign.campaignId });
    expect(checked.at(-1)?.listed).toEqual([
      expect.stringMatching(/approve of 3 unanswered; next: event 13/),
    ]);
    await lose('allocate');
    expect((await violations(campaign)).map(({ number }) => number)).toContain(7);
  });
});
