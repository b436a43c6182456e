import { MockActivityEnvironment } from '@temporalio/testing';
import type pg from 'pg';
import { batchActivities } from '../../src/activities/batch.ts';
import type { Activated } from '../../src/activities/house.ts';
import { upkeepActivities } from '../../src/activities/upkeep.ts';
import type { Plan } from '../../src/domain/campaign.ts';
import type { Stage } from '../../src/domain/flow.ts';
import type { CampaignId, RevocationReason } from '../../src/domain/words.ts';
import { record } from '../../src/ledger/batches.ts';
import { readBatch } from '../../src/ledger/columns.ts';
import type { Happening, Member } from '../../src/ledger/packing.ts';
import { createTurns } from '../../src/limiter/turns.ts';
import type { AudienceRow } from '../../src/world.ts';
import { runningCampaign, type TestLedger } from '../ledger/ledger.ts';
import { createFarSides } from './far-sides.ts';

/** How often Temporal is played: each attempt that throws is followed by another. */
const mostAttempts = 6;

const silent = {
  log: () => {},
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** One batch of a running campaign on a real ledger, before far sides that the test plays with. */
export async function openBatch(
  ledger: TestLedger,
  rows: AudienceRow[],
  given: { plan?: Partial<Plan>; deadlineInMs?: number; id?: CampaignId } = {},
) {
  return playBatch(ledger, await runningCampaign(ledger.pool, rows, given));
}

/** The first batch of a campaign, however it came to be cut. */
export function playBatch(ledger: TestLedger, campaign: { ref: number; id: CampaignId }) {
  const { pool } = ledger;
  const far = createFarSides();
  const { ref, id } = campaign;

  /** A worker's process: its pool ends with it. */
  function houseOf(own: pg.Pool): Activated {
    return {
      pool: own,
      turns: createTurns({ pool: own }),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      metrics: { turnCame: () => {}, effectEnded: () => {} },
      worlds: new Map([[id.tenant, far.world]]),
      tenants: new Map(),
      kickSettlement: () => {},
    };
  }

  /** One attempt of an activity by a process. */
  function attempt(
    stage: Stage | 'tell' | RevocationReason,
    own: pg.Pool = pool,
    isLast = false,
  ): Promise<unknown> {
    const activities = { ...batchActivities(houseOf(own)), ...upkeepActivities(houseOf(own)) };
    const environment = new MockActivityEnvironment({}, { logger: silent });
    switch (stage) {
      case 'tell':
        return environment.run(activities.redeemBatch, { campaign: ref, number: 1 });
      case 'canceled':
      case 'deadline':
      case 'expired':
      case 'late':
      case 'not_sent':
      case 'operator':
      case 'suppressed':
        return environment.run(activities.revokeBatch, { ref, batch: 1, reason: stage });
      default:
        return environment.run(activities.walkStage, {
          ...{ ref, batch: 1, stage, pass: 1, isLast },
        });
    }
  }

  /** Attempts until one does not throw, as Temporal would; the pauses between them are left out. */
  async function walk(...stages: Parameters<typeof attempt>[0][]): Promise<unknown> {
    let end: unknown;
    for (const stage of stages) end = await persist(() => attempt(stage));
    return end;
  }

  return {
    ...campaign,
    far,
    /** For activities of other kinds. */
    house: houseOf(pool),
    attempt,
    walk,
    /** The process dies in the middle of a call: the far side has acted, nothing is written down. */
    async die(kind: Parameters<typeof far.mishap>[0], stage: Parameters<typeof attempt>[0]) {
      const own = ledger.connect(4);
      far.mishap(kind, { acts: true, meanwhile: () => own.end() });
      return attempt(stage, own).then(
        () => 'lived',
        () => 'died',
      );
    },
    /** Settlement takes the batch on. */
    settle: () =>
      persist(() =>
        new MockActivityEnvironment({}, { logger: silent }).run(
          upkeepActivities(houseOf(pool)).settleBatch,
          { campaign: ref, number: 1 },
        ),
      ),
    async members(): Promise<Member[]> {
      return (await readBatch(pool, ref, 1))?.members ?? [];
    },
    /** The states of the members, in order. */
    async states(): Promise<string[]> {
      return ((await readBatch(pool, ref, 1))?.members ?? []).map((member) => member.state);
    },
    async effects(): Promise<{ kind: string; outcome: string | null; attempts: number }[]> {
      const found = await pool.query<{ kind: string; outcome: string | null; attempts: number }>(
        'select kind, outcome, attempts from effect where campaign = $1 order by id',
        [ref],
      );
      return found.rows;
    },
    happen: (happenings: Happening[]) => record(pool, { campaign: ref, number: 1 }, happenings),
  };
}

export type TestBatch = ReturnType<typeof playBatch>;

async function persist<T>(once: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await once();
    } catch (error) {
      if (attempts === mostAttempts) throw error;
    }
  }
}
