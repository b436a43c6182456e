import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantsOf } from '../../src/domain/campaign.ts';
import type { EffectKind } from '../../src/domain/effect.ts';
import { rewrite } from '../../src/ledger/batches.ts';
import { campaignOf } from '../../src/ledger/campaigns.ts';
import { appendChange, claimBatch, readBatch } from '../../src/ledger/columns.ts';
import { type Beginning, begin, settle } from '../../src/ledger/effects.ts';
import { lockClass, transaction } from '../../src/ledger/pool.ts';
import { announce, fenceCampaign, holdCampaign } from '../../src/ledger/standing.ts';
import { haltTenant, resumeTenant } from '../../src/ledger/tenants.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { openLedger, plan, rowsOf, runningCampaign, type TestLedger } from './ledger.ts';

const lanes = 24;

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(lanes + 6);
});
afterAll(() => ledger.close());

type Campaign = Awaited<ReturnType<typeof runningCampaign>>;

/** One effect of a lane of its own, which is neither alive nor open when it is over. */
async function beginOne(
  campaign: Campaign,
  kind: EffectKind,
  key: string,
  position: number,
): Promise<Beginning> {
  const read = await readBatch(ledger.pool, campaign.ref, 1);
  const intent = {
    ...{ campaign: campaign.ref, batch: 1, kind, epoch: 1, key, hash: key, kept: {}, aliveMs: 0 },
    ...{ positions: [position], token: read?.token ?? 0, change: read?.change ?? 0 },
  };
  return begin(ledger.pool, intent, undefined);
}

test.each(['deleted', 'operator'] as const)(
  'no effect begins after the fence "%s" stands, however many lanes begin them',
  async (fence) => {
    for (let round = 0; round < 5; round += 1) {
      const campaign = await runningCampaign(ledger.pool, rowsOf(lanes));
      let begins = 0;
      const lane = async (_: unknown, number: number): Promise<string> => {
        for (let call = 0; call < 500; call += 1) {
          const { verdict } = await beginOne(campaign, 'allocate', `${number}/${call}`, number + 1);
          if (verdict !== 'begun') return verdict;
          begins += 1;
        }
        return 'never fenced';
      };
      const running = Promise.all(Array.from({ length: lanes }, lane));
      await expect.poll(() => begins, { interval: 1 }).toBeGreaterThan(lanes + round * 7);
      expect(await fenceCampaign(ledger.pool, campaign.id, fence)).toBe(true);
      expect(new Set(await running)).toEqual(new Set(['fenced']));
      const later = await ledger.pool.query(
        `select e.id from effect e join campaign c on c.ref = e.campaign
         where c.ref = $1 and e.begun > c.fenced_at`,
        [campaign.ref],
      );
      expect(later.rows).toEqual([]);
    }
  },
);

test('an effect that comes after a waiting fence waits behind it: no fence starves', async () => {
  const campaign = await runningCampaign(ledger.pool, rowsOf(lanes));
  const { ref } = campaign;
  const { fenced, begun } = await transaction(ledger.pool, async (connection) => {
    // An effect that is beginning holds the lock shared until its statement is over.
    await connection.query('select pg_advisory_xact_lock_shared($1, $2)', [
      lockClass.campaign,
      ref,
    ]);
    const fenced = fenceCampaign(ledger.pool, campaign.id, 'deleted');
    await expect.poll(() => waitingFor(ref), { interval: 5 }).toEqual(['ExclusiveLock']);
    const begun = Array.from({ length: lanes }, (_, lane) =>
      beginOne(campaign, 'allocate', `${lane}`, lane + 1),
    );
    const all = ['ExclusiveLock', ...begun.map(() => 'ShareLock')];
    await expect.poll(() => waitingFor(ref), { interval: 5 }).toEqual(all);
    return { fenced, begun };
  });
  expect(await fenced).toBe(true);
  const verdicts = await Promise.all(begun);
  expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(['fenced']));
});

/** The ways in which somebody waits for a campaign's lock now. */
async function waitingFor(ref: number): Promise<string[]> {
  const found = await ledger.pool.query<{ mode: string }>(
    `select mode from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2
       and database = (select oid from pg_database where datname = current_database())
       and not granted order by mode`,
    [lockClass.campaign, ref],
  );
  return found.rows.map(({ mode }) => mode);
}

test('a fence "deleted" replaces the operator\'s, and never the other way about', async () => {
  const { id, ref } = await runningCampaign(ledger.pool, rowsOf(1));
  expect(await fenceCampaign(ledger.pool, id, 'operator')).toBe(true);
  expect(await fenceCampaign(ledger.pool, id, 'deleted')).toBe(true);
  expect(await fenceCampaign(ledger.pool, id, 'deleted')).toBe(false);
  expect(await fenceCampaign(ledger.pool, id, 'operator')).toBe(false);
  expect((await campaignOf(ledger.pool, ref)).fence).toBe('deleted');
});

test('a fence before event 5 leaves a tombstone that the announcement finds', async () => {
  const id = { tenant: 'early', campaignId: '9' };
  await fenceCampaign(ledger.pool, id, 'deleted');
  const announced = await announce(ledger.pool, id, {
    announcedAt: Date.now(),
    durationDays: 1,
    instants: instantsOf(Date.now() + 60_000, plan),
    problem: undefined,
  });
  expect(announced).toBe('fenced');
});

test('writers of every kind on a few batches never lock each other out', async () => {
  const tenant = 'busy';
  const rows = rowsOf(8);
  const campaigns = await Promise.all(
    ['1', '2'].map((campaignId) =>
      runningCampaign(ledger.pool, rows, { id: { tenant, campaignId } }),
    ),
  );
  const turns = createTurns({ pool: ledger.pool });
  const limit = { bucket: 'busy', requests: 100_000, perMs: 10_000, spaced: false };
  const counts = { begun: 0, changed: 0 };

  async function effect(campaign: Campaign, key: string, position: number): Promise<void> {
    for (let tries = 0; tries < 5; tries += 1) {
      if ((await attempt(campaign, key, position)) !== 'superseded') return;
    }
  }

  async function attempt(campaign: Campaign, key: string, position: number): Promise<string> {
    const read = await readBatch(ledger.pool, campaign.ref, 1);
    const kind = position % 2 === 0 ? 'redeem' : 'revoke';
    const rank = { class: 'bulk', deadline: Date.now(), stage: position } as const;
    const beginning = await turns.next(
      limit,
      rank,
      async (slot) => {
        const value = await begin(
          ledger.pool,
          {
            ...{ campaign: campaign.ref, batch: 1, kind, epoch: 1, key, hash: key, kept: {} },
            ...{ positions: [position], token: read?.token ?? 0, change: read?.change ?? 0 },
            aliveMs: 1_000,
          },
          slot,
        );
        return value.verdict === 'wait'
          ? { taken: false as const, retryInMs: value.waitMs }
          : { taken: true as const, value };
      },
      new AbortController().signal,
    );
    if (beginning.verdict !== 'begun') return beginning.verdict;
    counts.begun += 1;
    await settle(
      ledger.pool,
      { campaign: campaign.ref, number: 1 },
      {
        ...{ effect: beginning.effect, slot: beginning.slot, outcome: 'done' },
        happenings: [{ position, clearance: 'told_true' }],
      },
    );
    return beginning.verdict;
  }

  async function act(campaign: Campaign, number: number, step: number): Promise<unknown> {
    const { pool } = ledger;
    const position = (number % rows.length) + 1;
    switch ((number * 7 + step * 5) % 12) {
      case 0:
        return holdCampaign(pool, campaign.ref, 'a person looks');
      case 1:
        return announce(pool, campaign.id, {
          announcedAt: Date.now(),
          durationDays: 1,
          instants: instantsOf(Date.now() + 3_600_000, plan),
          problem: undefined,
        });
      case 2:
        return step % 2 === 0
          ? haltTenant(pool, tenant, 'optimove', 'our key is unknown')
          : resumeTenant(pool, tenant);
      case 3:
        return claimBatch(pool, campaign.ref, 1);
      case 4: {
        const cause = step % 2 === 0 ? 'told_false' : 'told_true';
        const place = { campaign: campaign.ref, batch: 1, position };
        const appended = await transaction(pool, (connection) =>
          appendChange(connection, place, { fact: 'clearance', cause }),
        );
        if (appended) counts.changed += 1;
        return appended;
      }
      case 5:
        return rewrite(pool, { campaign: campaign.ref, number: 1 }, (members) =>
          members.map((member) => ({ position: member.position, clearance: 'asked' })),
        );
      case 6:
        return step === 20 ? fenceCampaign(pool, campaign.id, 'operator') : undefined;
      default:
        return effect(campaign, `${number}/${step}`, position);
    }
  }

  // A deadlock is thrown at one of the lanes, as 40P01.
  await Promise.all(
    Array.from({ length: lanes }, async (_, number) => {
      for (let step = 0; step < 40; step += 1) {
        const campaign = campaigns[(number + step) % campaigns.length];
        if (campaign) await act(campaign, number, step);
      }
    }),
  );
  expect(counts.begun).toBeGreaterThan(50);
  expect(counts.changed).toBeGreaterThan(5);
});
