import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearances, redemptions, states } from '../../src/domain/assignment.ts';
import type { Plan } from '../../src/domain/campaign.ts';
import { awardedRecipe, publisherRecipe } from '../../src/domain/flow.ts';
import { openBatch } from '../stages/batch.ts';
import { type ClosedBooks, closeBooks } from './books.ts';
import { openLedger, row, rowsOf, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

/** Three customers, who were given, told and sent everything; Promotions knows of their awards. */
async function openClean(
  given: { plan?: Partial<Plan>; pool?: pg.Pool } = {},
): Promise<ClosedBooks> {
  const batch = await openBatch(ledger, rowsOf(3), given);
  await batch.walk('screen', 'validate', 'allocate', 'report');
  const books = await closeBooks(batch, given.pool);
  await books.sendAll();
  books.told.awards = rowsOf(3).map(({ customerId }) => ({ customerId, promoCode: 'SPINS' }));
  return books;
}

const stateOf = (state: (typeof states)[number]): number => states.indexOf(state);
const clearanceOf = (clearance: (typeof clearances)[number]): number =>
  clearances.indexOf(clearance);

/** Optimove has sent the campaign to everybody but the second customer. */
async function unsend({ told, house, ref }: ClosedBooks): Promise<void> {
  told.sent = told.sent.filter(({ customerId }) => customerId !== 'c2');
  await house.pool.query(`update batch set sent = '{[1,2),[3,4)}' where campaign = $1`, [ref]);
}

/** One damage each: what is done to a clean campaign, what it is found as, and how the customer ends. */
type Damage = [
  verdict: string,
  repair: string,
  damage: (books: ClosedBooks) => Promise<void> | void,
  after?: { state: string; platform: string | undefined },
];

const mended: Damage[] = [
  [
    'approved_not_held',
    'restore',
    ({ far, keyOf }) => void far.allocations.delete(keyOf('c2')),
    { state: 'allocated', platform: 'allocated' },
  ],
  [
    'held_not_approved',
    'revoke',
    async (books) => {
      await unsend(books);
      await books.damage(2, 'clearance', clearanceOf('denied'));
    },
    { state: 'revoked', platform: 'revoked' },
  ],
  [
    'held_not_approved',
    'revoke',
    async (books) => {
      await unsend(books);
      await books.damage(2, 'state', stateOf('declined'));
    },
    { state: 'declined', platform: 'revoked' },
  ],
  ['held_not_sent', 'revoke', unsend, { state: 'revoked', platform: 'revoked' }],
  [
    'sent_not_held',
    'restore',
    async (books) => {
      await books.damage(2, 'state', stateOf('lapsed'));
      books.far.allocations.delete(books.keyOf('c2'));
    },
    { state: 'allocated', platform: 'allocated' },
  ],
  [
    'approved_not_held',
    'restore',
    (books) => books.damage(2, 'state', stateOf('validated')),
    { state: 'allocated', platform: 'allocated' },
  ],
  [
    'expired_but_held',
    'expire',
    (books) => books.damage(2, 'state', stateOf('expired')),
    { state: 'expired', platform: 'revoked' },
  ],
  [
    'allocated_after_cancel',
    'revoke',
    async (books) => {
      const { pool } = books.house;
      await pool.query(
        `update campaign set fence = 'deleted', fenced_at = now(),
           summary = summary || '{"reason": "deleted"}' where ref = $1`,
        [books.ref],
      );
      for (const position of [1, 3]) {
        await books.damage(position, 'state', stateOf('revoked'));
        books.far.allocations.set(books.keyOf(`c${position}`), 'revoked');
      }
      await books.damage(2, 'state', stateOf('revoked'));
    },
    { state: 'revoked', platform: 'revoked' },
  ],
];

describe('a ledger, or a far side, that was damaged', () => {
  it.each(mended)('%s is found, mended by %s, and found no more', async (...damaged) => {
    const [verdict, repair, damage, after] = damaged;
    const books = await openClean();
    await books.reconcile();
    expect(await books.differences()).toEqual([]);
    await damage(books);
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', verdict, repair]]);
    await books.reconcile({ repair: true });
    expect(await books.differences()).toEqual([]);
    expect({
      state: (await books.states())[1],
      platform: books.far.allocations.get(books.keyOf('c2')),
    }).toEqual(after);
    const calls = books.far.sent.length;
    await books.reconcile({ repair: true });
    expect(books.far.sent).toHaveLength(calls);
    const audited = await ledger.pool.query(
      `select from audit a join tenant t on t.ref = a.tenant
       where t.name = $1 and a.act = 'reconcile --repair'`,
      [books.id.tenant],
    );
    expect(audited.rowCount).toBe(1);
  });

  it.each<Damage>([
    [
      'revoked_at_platform',
      'person',
      ({ far, keyOf }) => void far.allocations.set(keyOf('c2'), 'revoked'),
    ],
    [
      'used_not_held',
      'person',
      async (books) => {
        await books.happen([{ position: 2, state: 'used' }]);
        books.far.allocations.delete(books.keyOf('c2'));
      },
    ],
    [
      'used_but_revoked',
      'person',
      async (books) => {
        await books.damage(2, 'state', stateOf('revoked'));
        books.far.allocations.set(books.keyOf('c2'), 'revoked');
        await books.house.pool.query(
          `insert into use (campaign, batch, position, used_at, queued) values ($1, 1, 2, now(), false)`,
          [books.ref],
        );
      },
    ],
    [
      'redeemed_not_held',
      'person',
      async (books) => {
        await books.damage(2, 'state', stateOf('refused'));
        await books.damage(2, 'redemption', redemptions.indexOf('told'));
        books.far.allocations.delete(books.keyOf('c2'));
      },
    ],
    [
      'sent_not_approved',
      'person',
      async (books) => {
        await books.damage(2, 'state', stateOf('refused'));
        await books.damage(2, 'clearance', clearanceOf('denied'));
        books.far.allocations.delete(books.keyOf('c2'));
      },
    ],
    [
      'approval_unknown',
      'person',
      async (books) => {
        await books.damage(2, 'clearance', clearanceOf('unknown'));
        await books.house.pool.query(
          `update campaign set deadline = now() - interval '25 hours' where ref = $1`,
          [books.ref],
        );
      },
    ],
    [
      'allocated_twice',
      'person',
      ({ house, ref }) =>
        house.pool
          .query(
            `insert into effect (campaign, batch, kind, epoch, key, hash, members, kept, begun, alive_until,
               outcome, answered)
             select campaign, batch, kind, epoch, key || '/again', hash, '{[2,3)}', kept, begun, alive_until,
               outcome, answered from effect where campaign = $1 and kind = 'allocate'`,
            [ref],
          )
          .then(() => {}),
    ],
    ['held_not_approved', 'person', (books) => books.damage(2, 'clearance', clearanceOf('denied'))],
  ])('%s is listed, and left to a %s', async (...damaged) => {
    const [verdict, repair, damage] = damaged;
    const books = await openClean();
    await damage(books);
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', verdict, repair]]);
    const calls = books.far.sent.length;
    await books.reconcile({ repair: true });
    expect(await books.differences()).toEqual([['c2', verdict, repair]]);
    expect(books.far.sent).toHaveLength(calls);
  });

  it('takes back the surplus where one customer has two assignments of one code', async () => {
    // Who is in a batch is kept by the process that has walked it; this is another one.
    const books = await openClean({ pool: ledger.connect(4) });
    await books.house.pool.query(
      'update assignment set instance = 1 where campaign = $1 and position = 2',
      [books.ref],
    );
    await books.house.pool.query(
      `update batch set instance = '\\x000000010000' where campaign = $1`,
      [books.ref],
    );
    await books.house.pool.query(
      `insert into assignment (campaign, customer, batch, position, code, instance)
       select campaign, customer, 1, 1, code, 0 from assignment where campaign = $1 and position = 2`,
      [books.ref],
    );
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', 'allocated_twice', 'revoke']]);
    await books.reconcile({ repair: true });
    expect(books.far.allocations.get(`${books.id.campaignId}/c2/SPINS/1`)).toBe('revoked');
  });

  it('names whom a far side knows and the ledger does not, for as long as it does', async () => {
    const books = await openClean();
    books.told.sent.push(row('stranger', 'SPINS'));
    books.told.awards.push({ customerId: 'winner', promoCode: 'SPINS' });
    await books.reconcile();
    const named = [
      ['stranger', 'sent_unknown', 'person'],
      ['winner', 'awarded_unknown', 'person'],
    ];
    expect(await books.differences()).toEqual(named);
    await books.reconcile();
    expect(await books.differences()).toEqual(named);
    books.told.sent.pop();
    await books.reconcile();
    expect(await books.differences()).toEqual(named.slice(1));
  });
});

describe('a clean campaign', () => {
  it.each<[string, Partial<Plan>]>([
    ['of the managed flow', {}],
    ['of the publisher', { flow: 'publisher', recipe: publisherRecipe, executed: awardedRecipe }],
    ['of which any code is enough', { codes: 'any' }],
  ])('%s has no difference', async (_name, plan) => {
    const books = await openClean(plan.flow === 'publisher' ? {} : { plan });
    if (plan.flow === 'publisher') {
      await books.house.pool.query('update campaign set plan = plan || $2 where ref = $1', [
        books.ref,
        JSON.stringify(plan),
      ]);
    }
    await books.reconcile();
    expect(await books.differences()).toEqual([]);
  });

  it('leaves nothing of what was read', async () => {
    const books = await openClean();
    await books.reconcile();
    const pages = await ledger.pool.query('select from page where campaign = $1 and sweep > 1000', [
      books.ref,
    ]);
    expect(pages.rowCount).toBe(0);
  });
});
