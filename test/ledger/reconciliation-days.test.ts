import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { states } from '../../src/domain/assignment.ts';
import { dayIn } from '../../src/domain/calendar.ts';
import { openAlerts } from '../../src/ledger/alerts.ts';
import { lookForConcerns } from '../../src/ledger/lookout.ts';
import { findReconciliation } from '../../src/ledger/reconciliations.ts';
import { openBatch } from '../stages/batch.ts';
import { openExecuted } from '../stages/executed.ts';
import { type ClosedBooks, closeBooks } from './books.ts';
import { executedPlan } from './executed.ts';
import { openedCampaign, openLedger, row, rowsOf, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const date = dayIn('UTC', Date.now());
const dayMs = 86_400_000;

/** Three customers of a managed campaign who hold what they were approved for; it ends at this instant. */
async function openEnding(endsInMs: number): Promise<ClosedBooks> {
  const batch = await openBatch(ledger, rowsOf(3));
  await batch.walk('screen', 'validate', 'allocate', 'report');
  const books = await closeBooks(batch);
  await books.sendAll();
  await ledger.pool.query(
    `update campaign set deadline = now() - interval '7 days',
       expires_at = now() + $2 * interval '1 ms' where ref = $1`,
    [books.ref, endsInMs],
  );
  books.told.campaigns = [books.id.campaignId];
  return books;
}

const begun = dayIn('UTC', Date.now() - 7 * dayMs);

describe('the ends of a day', () => {
  it('that Optimove lists while our own end is to come are left to a person', async () => {
    const books = await openEnding(60_000);
    books.told.ended = [{ customerId: 'c2', startDate: begun }];
    await books.reconcile({ subject: { date }, repair: true });
    expect(await books.differences()).toEqual([['c2', 'ended_but_held', 'person']]);
    // A look at the campaign alone does not ask for the ends, and forgets none.
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', 'ended_but_held', 'person']]);
  });

  it('are taken back where our own end has passed', async () => {
    const books = await openEnding(-1_000);
    books.told.ended = rowsOf(3).map(({ customerId }) => ({ customerId, startDate: begun }));
    await books.reconcile({ subject: { date }, repair: true });
    expect(await books.differences()).toEqual([]);
    expect(await books.states()).toEqual(['expired', 'expired', 'expired']);
    expect(books.far.of('revoke').map(({ body }) => body.reason)).toEqual(['expired']);
  });

  it('that Optimove does not list are listed alone', async () => {
    const books = await openEnding(-1_000);
    for (const position of [1, 2]) {
      await books.damage(position, 'state', states.indexOf('expired'));
      books.far.allocations.set(books.keyOf(`c${position}`), 'revoked');
    }
    books.told.ended = [{ customerId: 'c1', startDate: begun }];
    await books.reconcile({ subject: { date } });
    expect(await books.differences()).toEqual([['c2', 'end_unknown', 'none']]);
  });

  it('of another campaign mean nothing to this one, and strangers are counted', async () => {
    const books = await openEnding(60_000);
    const other = dayIn('UTC', Date.now() - 3 * dayMs);
    books.told.ended = [
      { customerId: 'c2', startDate: other },
      { customerId: 'stranger', startDate: begun },
      { customerId: 'other', startDate: other },
    ];
    await books.reconcile({ subject: { date } });
    expect(await books.differences()).toEqual([]);
    const shown = await findReconciliation(ledger.pool, books.id.tenant, date);
    expect(shown).toMatchObject({ unlisted: 2, problems: [], batches: 1, lookedAt: 1 });
  });
});

describe('a day', () => {
  it('has the campaigns that Optimove has sent, and those of the ledger that ended in it', async () => {
    const books = await openEnding(60_000);
    const { tenant } = books.id;
    // One whose run goes on, one of another day, and one that nobody ever announced.
    await openedCampaign(ledger.pool, { id: { tenant, campaignId: 'running' } });
    const later = await openedCampaign(ledger.pool, { id: { tenant, campaignId: 'later' } });
    await ledger.pool.query(
      `update campaign set deadline = now() + interval '3 days', phase = 'closed' where ref = $1`,
      [later.ref],
    );
    await ledger.pool.query(
      `update campaign set deadline = $2::date + interval '12 hours' where ref <> $1
         and tenant = (select tenant from campaign where ref = $1) and id = 'running'`,
      [books.ref, date],
    );
    books.told.campaigns = ['strange'];
    await books.reconcile({ subject: { date } });
    const shown = await findReconciliation(ledger.pool, tenant, date);
    expect(shown).toMatchObject({ campaigns: [books.ref], unfinished: 1, strange: 1 });
    expect(shown?.endedAt).not.toBeNull();
  });

  it('on which something differs raises one alert, which is over when nothing does', async () => {
    const books = await openEnding(60_000);
    const { tenant } = books.id;
    books.far.allocations.delete(books.keyOf('c2'));
    const look = async () => {
      await lookForConcerns({ pool: ledger.pool, log: silent }, [tenant]);
      const open = await openAlerts(ledger.pool, [tenant]);
      return open.map(({ kind, subject }) => `${kind} ${subject}`);
    };
    await books.reconcile({ subject: { date } });
    expect(await look()).toEqual([]);
    await books.reconcile({ subject: { date }, isNightly: true });
    expect(await look()).toEqual([`differences ${date}`]);
    await books.reconcile({ repair: true });
    expect(await look()).toEqual([]);
  });
});

describe('a campaign that began with its sending', () => {
  it.each(['automatic', 'executions'] as const)('%s has no difference', async (flow) => {
    const books = await openGiven(flow);
    await books.reconcile();
    expect(await books.differences()).toEqual([]);
  });

  it.each([
    ['automatic', 'awarded_unknown'],
    ['executions', 'sent_unknown'],
  ] as const)('%s is fulfilled again for whom it has left out', async (flow, verdict) => {
    const books = await openGiven(flow);
    if (flow === 'automatic') {
      books.told.awards.push({ customerId: 'late', promoCode: 'SPINS' });
    } else {
      books.told.sent.push(row('late', 'SPINS'));
    }
    await books.reconcile();
    expect(await books.differences()).toEqual([['late', verdict, 'fulfil']]);
    expect(books.kicks).toEqual([]);
    await books.reconcile({ repair: true });
    expect(books.kicks).toEqual([books.id.tenant]);
    const open = await ledger.pool.query(
      'select from fulfilment where campaign = $1 and closed_at is null and collected_at is null',
      [books.ref],
    );
    expect(open.rowCount).toBe(1);
    await books.reconcile({ repair: true });
    expect(books.kicks).toHaveLength(1);
  });
});

it('a batch whose awards came too late is walked again', async () => {
  const batch = await openExecuted(ledger, rowsOf(2), { plan: executedPlan('automatic') });
  await batch.walk('screen');
  const books = await closeBooks(batch);
  const { ref } = books;
  await ledger.pool.query('update fulfilment set closed_at = now() where campaign = $1', [ref]);
  await ledger.pool.query('update batch set finished = true where campaign = $1', [ref]);
  books.told.awards = rowsOf(2).map(({ customerId }) => ({ customerId, promoCode: 'SPINS' }));
  books.told.sent = rowsOf(2);
  await books.reconcile({ repair: true });
  expect(await books.differences()).toEqual([
    ['c1', 'awarded_not_given', 'fulfil'],
    ['c2', 'awarded_not_given', 'fulfil'],
  ]);
  const found = await ledger.pool.query('select finished from batch where campaign = $1', [ref]);
  expect(found.rows).toEqual([{ finished: false }]);
  expect(books.kicks).toHaveLength(1);
});

/** Two customers who were sent the campaign, or awarded, and were given what they were to have. */
async function openGiven(flow: 'automatic' | 'executions'): Promise<ClosedBooks> {
  const batch = await openExecuted(ledger, rowsOf(2), { plan: executedPlan(flow) });
  for (const { customerId } of rowsOf(2)) batch.far.award(customerId);
  const stages = flow === 'automatic' ? (['award'] as const) : [];
  await batch.walk('screen', ...stages, 'allocate');
  const books = await closeBooks(batch);
  await ledger.pool.query('update fulfilment set closed_at = now() where campaign = $1', [
    batch.ref,
  ]);
  books.told.sent = rowsOf(2);
  if (flow === 'automatic') {
    books.told.awards = rowsOf(2).map(({ customerId }) => ({ customerId, promoCode: 'SPINS' }));
  }
  return books;
}
