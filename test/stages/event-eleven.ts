import { MockActivityEnvironment } from '@temporalio/testing';
import type pg from 'pg';
import { grantActivities, type Hearing } from '../../src/activities/grants.ts';
import type { Activated } from '../../src/activities/house.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import { type Options, openGate } from '../decisions/gate.ts';
import { token } from '../gateway/doors.ts';
import type { TestLedger } from '../ledger/ledger.ts';

/** A tenant whose gate and webhook door stand on one ledger, and a worker for its grants. */
export async function openGrants(ledger: TestLedger, options: Options = {}) {
  const gate = await openGate(ledger, options);
  const { tenant, campaignId, far, first } = gate;
  let minute = 0;

  function houseOf(pool: pg.Pool): Activated {
    return {
      pool,
      turns: createTurns({ pool }),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      metrics: { turnCame: () => {}, effectEnded: () => {} },
      worlds: new Map([[tenant, gate.world]]),
      tenants: new Map([[tenant, gate.settings]]),
      kickSettlement: () => {},
    };
  }

  /** One round of the story, by a worker that may die in it. */
  async function round(pool: pg.Pool = ledger.pool): Promise<Hearing> {
    const { hearGrants, giveGrants } = grantActivities(houseOf(pool));
    const environment = new MockActivityEnvironment();
    const found = await hearGrants({ tenant });
    for (const debt of found.pools) await environment.run(() => giveGrants(debt));
    return found;
  }

  return {
    ...gate,
    round,
    houseOf,
    /** Each event is another one: its time is a minute after the one before. */
    async event(customerID: string, fields: Record<string, unknown> = {}): Promise<number> {
      minute += 1;
      const timeStamp = new Date(1_800_000_000_000 + minute * 60_000).toISOString().slice(0, 19);
      const body = {
        ...{ eventTypeID: 11, timeStamp: timeStamp.replace('T', ' '), campaignID: campaignId },
        ...{ channelID: 611, templateID: 14, customerID, isVisitor: false },
        ...{ promoCode: ['SPINS'], notes: 'vip only', ...fields },
      };
      const answer = await first.post(`/hooks/${tenant}/${token}`, JSON.stringify(body));
      return answer.status;
    },
    /** What became of the events, in their order. */
    async inbox() {
      const found = await ledger.pool.query<{ status: string; reason: string | null }>(
        `select i.status, i.reason from inbox i join tenant t on t.ref = i.tenant
         where t.name = $1 and i.type = 11 order by i.id`,
        [tenant],
      );
      return found.rows;
    },
    /** Of a process that acts at the far side and writes nothing down. */
    async dieIn(kind: Parameters<typeof far.mishap>[0]): Promise<void> {
      const own = ledger.connect(4);
      far.mishap(kind, { acts: true, meanwhile: () => own.end() });
      await round(own).catch(() => {});
    },
  };
}

export type TestGrants = Awaited<ReturnType<typeof openGrants>>;
