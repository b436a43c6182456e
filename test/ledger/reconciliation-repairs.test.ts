import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../src/domain/fault.ts';
import { openBatch } from '../stages/batch.ts';
import { lostAnswer } from '../stages/far-sides.ts';
import { type ClosedBooks, closeBooks } from './books.ts';
import { openLedger, rowsOf, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(8);
});
afterAll(() => ledger.close());

/** Three customers who were approved, of whom the platform has forgotten the second. */
async function openForgotten(pool = ledger.pool): Promise<ClosedBooks> {
  const batch = await openBatch(ledger, rowsOf(3));
  await batch.walk('screen', 'validate', 'allocate', 'report');
  const books = await closeBooks(batch, pool);
  await books.sendAll();
  books.far.allocations.delete(books.keyOf('c2'));
  return books;
}

/** The same, where the platform still holds what the ledger says has expired. */
async function openLeftBehind(pool = ledger.pool): Promise<ClosedBooks> {
  const books = await openForgotten(pool);
  books.far.allocations.set(books.keyOf('c2'), 'allocated');
  await books.happen([{ position: 2, state: 'expired' }]);
  return books;
}

const statusOf = ({ far, keyOf }: ClosedBooks) => far.allocations.get(keyOf('c2'));

async function effectsOf({ effects }: ClosedBooks, kind: string) {
  return (await effects()).filter((effect) => effect.kind === kind);
}

describe('a repair', () => {
  it('gives what was approved again under its own key, in the words of the first time', async () => {
    const books = await openForgotten();
    const [first] = books.far.of('allocate');
    await books.reconcile({ repair: true });
    const [, again, ...more] = books.far.of('allocate');
    expect(more).toEqual([]);
    expect(again?.body.allocations).toEqual([first?.body.allocations[1]]);
    expect(again?.body.key).not.toBe(first?.body.key);
  });

  it.each([true, false])(
    'whose answer was lost is found out about, and gives once (acted: %s)',
    async (acts) => {
      const books = await openForgotten();
      books.far.mishap('allocate', { acts, fault: lostAnswer() });
      await expect(books.reconcile({ repair: true })).rejects.toThrow();
      expect(await effectsOf(books, 'restore')).toMatchObject([{ outcome: null }]);
      await books.reconcile({ repair: true });
      expect(await books.differences()).toEqual([]);
      expect(statusOf(books)).toBe('allocated');
      expect(books.far.of('allocate')).toHaveLength(acts ? 2 : 3);
      expect(await effectsOf(books, 'restore')).toMatchObject([{ outcome: 'done' }]);
    },
  );

  it.each([
    ['restores', openForgotten, 'allocate', 'allocated'],
    ['takes back', openLeftBehind, 'revoke', 'revoked'],
  ] as const)(
    '%s once where its process dies after the call',
    async (_name, open, kind, status) => {
      const dying = ledger.connect(4);
      const books = await open(dying);
      const before = books.far.of(kind).length;
      books.far.mishap(kind, { acts: true, meanwhile: () => dying.end() });
      await expect(books.reconcile({ repair: true })).rejects.toThrow();
      const others = await closeBooks(books, ledger.pool);
      others.told.sent = books.told.sent;
      await others.reconcile({ repair: true });
      expect(await others.differences()).toEqual([]);
      expect(statusOf(others)).toBe(status);
      // What is taken back is told to the letter again; what is given is looked up.
      expect(books.far.of(kind).length - before).toBeLessThanOrEqual(2);
      expect(
        new Set(
          books.far
            .of(kind)
            .slice(before)
            .map(({ hash }) => hash),
        ).size,
      ).toBe(1);
    },
  );

  it('gives nothing to a campaign that was deleted meanwhile', async () => {
    const books = await openForgotten();
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', 'approved_not_held', 'restore']]);
    const { lookUp } = books.far.world.platform;
    books.far.world.platform.lookUp = async (keys, reading) => {
      const answer = await lookUp(keys, reading);
      await ledger.pool.query(
        `update campaign set fence = 'deleted', fenced_at = now() where ref = $1`,
        [books.ref],
      );
      return answer;
    };
    // The second look finds the cancellation at work, and leaves the rest to it.
    await expect(books.reconcile({ repair: true })).rejects.toThrow(/being worked on/);
    expect(books.far.of('allocate')).toHaveLength(1);
    expect(statusOf(books)).toBeUndefined();
  });

  it('gives nothing while the campaign is held, and what was given before goes on', async () => {
    const books = await openForgotten();
    await ledger.pool.query(
      `update campaign set held = '{"reason": "a person looks"}' where ref = $1`,
      [books.ref],
    );
    await books.reconcile({ repair: true });
    expect(await books.differences()).toEqual([['c2', 'approved_not_held', 'restore']]);
    await ledger.pool.query('update campaign set held = null where ref = $1', [books.ref]);
    await books.reconcile({ repair: true });
    expect(await books.differences()).toEqual([]);
  });

  it('gives nothing once the rewards have ended', async () => {
    const books = await openForgotten();
    await ledger.pool.query(
      `update campaign set expires_at = now() - interval '1 minute' where ref = $1`,
      [books.ref],
    );
    await books.reconcile({ repair: true });
    expect(await books.differences()).toEqual([['c2', 'approved_not_held', 'person']]);
    expect(books.far.of('allocate')).toHaveLength(1);
  });

  it('that the platform declines ends revoked, with the reason', async () => {
    const books = await openForgotten();
    books.far.rules.declined.add('c2');
    await books.reconcile({ repair: true });
    const [, member] = await books.members();
    expect(member).toMatchObject({ state: 'revoked', reason: 'declined' });
    expect(books.far.of('allocate')).toHaveLength(2);
  });

  it('leaves what its customer has used meanwhile', async () => {
    const books = await openForgotten();
    books.far.allocations.set(books.keyOf('c2'), 'allocated');
    await ledger.pool.query(`update batch set sent = '{[1,2),[3,4)}' where campaign = $1`, [
      books.ref,
    ]);
    books.told.sent = books.told.sent.filter(({ customerId }) => customerId !== 'c2');
    await books.reconcile();
    expect(await books.differences()).toEqual([['c2', 'held_not_sent', 'revoke']]);
    await books.happen([{ position: 2, state: 'used' }]);
    await books.reconcile({ repair: true });
    expect(books.far.of('revoke')).toEqual([]);
    expect(await books.differences()).toEqual([]);
  });

  it('drops the redemptions that nobody has been told of', async () => {
    const batch = await openBatch(ledger, rowsOf(2));
    await batch.walk('screen', 'validate', 'allocate', 'report', 'redeem');
    const books = await closeBooks(batch);
    await books.sendAll();
    books.told.sent.pop();
    await ledger.pool.query(`update batch set sent = '{[1,2)}' where campaign = $1`, [books.ref]);
    await books.reconcile({ repair: true });
    const members = await books.members();
    expect(members.map(({ state, redemption }) => [state, redemption])).toEqual([
      ['allocated', 'queued'],
      ['revoked', 'none'],
    ]);
  });
});

describe('a look', () => {
  it('asks the platform in calls of the size that it takes', async () => {
    const books = await openForgotten();
    const { lookUp } = books.far.world.platform;
    const sizes: number[] = [];
    books.far.world.platform.lookUp = async (keys, reading) => {
      sizes.push(keys.length);
      if (keys.length > 2) throw new Fault('too_large', 'at most 2 items a call', { status: 413 });
      return lookUp(keys, reading);
    };
    await books.reconcile();
    expect(sizes).toEqual([3, 1, 1, 1]);
    expect(await books.differences()).toEqual([['c2', 'approved_not_held', 'restore']]);
  });

  it('asks for nobody who never was to be given anything', async () => {
    const batch = await openBatch(ledger, rowsOf(3));
    batch.far.rules.ineligible.add('c3');
    await batch.walk('screen', 'validate', 'allocate', 'report');
    const books = await closeBooks(batch);
    const asked: string[] = [];
    const { lookUp } = books.far.world.platform;
    books.far.world.platform.lookUp = async (keys, reading) => {
      asked.push(...keys);
      return lookUp(keys, reading);
    };
    await books.reconcile();
    expect(asked).toEqual([books.keyOf('c1'), books.keyOf('c2')]);
  });

  it('is taken again where the batch was written meanwhile', async () => {
    const books = await openForgotten();
    const { lookUp } = books.far.world.platform;
    let looks = 0;
    books.far.world.platform.lookUp = async (keys, reading) => {
      const answer = await lookUp(keys, reading);
      looks += 1;
      if (looks === 1) await books.happen([{ position: 2, state: 'revoked', reason: 'operator' }]);
      return answer;
    };
    await books.reconcile();
    expect(looks).toBe(2);
    expect(await books.differences()).toEqual([]);
  });

  it('waits where another run is at the same campaign, and reads nothing into its pages', async () => {
    const books = await openForgotten();
    const { tenant, campaignId } = books.id;
    const of = { tenant, subject: { campaignId }, repairing: null, isNightly: false };
    await books.play(books.activities.beginReconciliation, { ...of, run: 'first' });
    const staged = { tenant, ref: books.ref, ends: null };
    await books.play(books.activities.stageEvidence, { ...staged, run: 'first' });
    const second = { ...staged, run: 'second' };
    await expect(books.play(books.activities.stageEvidence, second)).rejects.toThrow(/Another run/);
    const left = { tenant, ref: books.ref, run: 'first', repairing: null };
    await books.play(books.activities.leaveBooks, left);
    await books.play(books.activities.stageEvidence, second);
    const round = { ref: books.ref, run: 'second', after: 0 };
    expect(await books.play(books.activities.batchesToReconcile, round)).toEqual([1]);
  });

  it('goes on behind the last page that was read, where its process has died', async () => {
    const books = await openForgotten();
    await ledger.pool.query(`update campaign set plan = plan || '{"pageSize": 1}' where ref = $1`, [
      books.ref,
    ]);
    const asked: number[] = [];
    const { optimove } = books.far.world;
    const { executedCustomers } = optimove;
    optimove.executedCustomers = async (page, reading) => {
      asked.push(page.skip);
      if (asked.length === 3) throw lostAnswer();
      return executedCustomers(page, reading);
    };
    const run = 'resumed';
    await expect(books.reconcile({ run })).rejects.toThrow();
    await books.reconcile({ run });
    // Each page of the first sweep was read once, but for the one that was lost.
    expect(asked.slice(0, 5)).toEqual([0, 1, 2, 2, 3]);
    expect(await books.differences()).toEqual([['c2', 'approved_not_held', 'restore']]);
  });
});
