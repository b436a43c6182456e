import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Activated } from '../../src/activities/house.ts';
import { reconciliationActivities } from '../../src/activities/reconciliation.ts';
import type { Acting } from '../../src/domain/act.ts';
import { closeCampaign } from '../../src/ledger/campaigns.ts';
import type { Pool } from '../../src/ledger/pool.ts';
import type { Subject } from '../../src/ledger/reconciliations.ts';
import type { AudienceRow } from '../../src/world.ts';
import { acme } from '../gateway/doors.ts';
import type { TestBatch } from '../stages/batch.ts';

const silent = {
  log: () => {},
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

const summary = {
  ...{ reason: 'decided', audience: 0, states: {} },
  ...{ approvedCustomers: 0, deniedCustomers: 0, unknownCustomers: 0, delegatedCustomers: 0 },
};

/** A batch whose campaign is over, and what the far sides will say of it. */
export async function closeBooks(batch: TestBatch, pool: Pool = batch.house.pool) {
  const { id, ref, far } = batch;
  await closeCampaign(pool, ref, summary);
  /** What Optimove and Promotions list, as the tests have them say. */
  const told: {
    sent: AudienceRow[];
    awards: { customerId: string; promoCode: string }[];
    ended: { customerId: string; startDate?: string }[];
    campaigns: string[];
  } = { sent: [], awards: [], ended: [], campaigns: [] };
  const { optimove, promotions } = far.world;
  optimove.executedCustomers = async ({ skip, top }) => {
    const rows = told.sent.slice(skip, skip + top);
    return { rows, length: rows.length, controls: 0, malformed: 0, scheduledAt: undefined };
  };
  optimove.executedCampaigns = async () =>
    told.campaigns.map((campaignId) => ({ campaignId, succeeded: true, details: {} }));
  optimove.endedActions = async ({ skip, top }) => {
    const rows = told.ended.slice(skip, skip + top).map(({ customerId, startDate }) => {
      return { customerId, actionId: '2', startDate };
    });
    return { rows, length: rows.length };
  };
  promotions.codeOf = async (promocodeId) => promocodeId.replace('id of ', '');
  promotions.awards = async ({ skip, take }) => {
    const awards = told.awards.slice(skip, skip + take).map(({ customerId, promoCode }) => ({
      ...{ customerId, promocodeId: `id of ${promoCode}`, promotionId: undefined },
      rewards: [{ rewardTypeId: 'spins', value: 10 }],
    }));
    return { awards, length: awards.length };
  };
  const kicks: string[] = [];
  const settings = { ...acme({ timeZone: 'UTC' }), tenant: id.tenant };
  const house: Activated = {
    ...{ ...batch.house, pool },
    tenants: new Map([[id.tenant, settings]]),
    kickSettlement: (tenant) => void kicks.push(tenant),
  };
  const activities = reconciliationActivities(house);
  const acting: Acting = { by: 'tests', reason: 'reconcile --repair', request: randomUUID() };
  const play = <I, O>(activity: (input: I) => Promise<O>, input: I): Promise<O> =>
    new MockActivityEnvironment({}, { logger: silent }).run(activity, input);

  /** A run as its story goes, without the pauses; `died`: what it had of an earlier one is gone on with. */
  async function reconcile(
    given: { repair?: boolean; subject?: Subject; run?: string; isNightly?: boolean } = {},
  ): Promise<string> {
    const { repair = false, subject = { campaignId: id.campaignId }, run = randomUUID() } = given;
    const { isNightly = false } = given;
    const { tenant } = id;
    const repairing = repair ? acting : null;
    const begun = { tenant, run, subject, repairing, isNightly };
    const { campaigns } = await play(activities.beginReconciliation, begun);
    const ends =
      subject.date === undefined
        ? null
        : await play(activities.stageEnds, { tenant, run, date: subject.date, campaigns });
    for (const one of campaigns) {
      await play(activities.stageEvidence, { tenant, run, ref: one, ends });
      const batches = await play(activities.batchesToReconcile, {
        ...{ ref: one, run, after: 0 },
      });
      await play(activities.reconcileBatches, { tenant, run, ref: one, batches, repairing });
      await play(activities.leaveBooks, { tenant, run, ref: one, repairing });
    }
    await play(activities.endReconciliation, { run });
    return run;
  }

  return {
    ...batch,
    ...{ house, activities, told, kicks, acting, play, reconcile },
    /** Everybody of the audience was sent the campaign. */
    async sendAll(): Promise<void> {
      const members = await batch.members();
      told.sent = members.map(({ customerId, promoCode }) => {
        return { customerId, actionId: '2', promoCodes: [promoCode] };
      });
      await pool.query(
        `update batch set sent = int4multirange(int4range(1, size + 1)) where campaign = $1`,
        [ref],
      );
      await pool.query('update campaign set sent_known_at = now() where ref = $1', [ref]);
    },
    /** Puts facts into the ledger that no transition leads to. */
    async damage(
      position: number,
      fact: 'state' | 'clearance' | 'redemption',
      value: number,
    ): Promise<void> {
      await pool.query(
        `update batch set ${fact} = set_byte(${fact}, $2, $3), version = version + 1
         where campaign = $1 and number = 1`,
        [ref, position - 1, value],
      );
    },
    /** What is open, as customer, verdict and repair. */
    async differences(): Promise<[string, string, string][]> {
      const found = await pool.query<{ customer: string; verdict: string; repair: string }>(
        `select customer, verdict, repair from difference
         where campaign = $1 and closed_at is null order by id`,
        [ref],
      );
      return found.rows.map(({ customer, verdict, repair }) => [customer, verdict, repair]);
    },
    keyOf: (customerId: string, code = 'SPINS') => `${id.campaignId}/${customerId}/${code}/0`,
  };
}

export type ClosedBooks = Awaited<ReturnType<typeof closeBooks>>;
