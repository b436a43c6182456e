import type pg from 'pg';
import type { Causes } from '../../src/domain/assignment.ts';
import type { Plan } from '../../src/domain/campaign.ts';
import type { EffectKind } from '../../src/domain/effect.ts';
import type { Reward } from '../../src/domain/words.ts';
import { cutAudience } from '../../src/ledger/audience.ts';
import { finishBatch, record } from '../../src/ledger/batches.ts';
import {
  closeCampaign,
  findCampaign,
  openCampaign,
  startRunning,
} from '../../src/ledger/campaigns.ts';
import { claimBatch } from '../../src/ledger/columns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { begin, settle } from '../../src/ledger/effects.ts';
import { stagePage } from '../../src/ledger/pages.ts';
import { multirange } from '../../src/ledger/positions.ts';
import { announce } from '../../src/ledger/standing.ts';

export interface DecidedCampaign {
  ref: number;
  campaignId: string;
  /** Begins and answers one more effect. */
  perform(effect: Performed): Promise<number>;
  close(reason?: string): Promise<void>;
}

export interface Performed {
  kind: EffectKind;
  positions: number[];
  kept?: Record<string, unknown>;
  becomes?: Causes['state'] | 'told_true' | 'told_false';
  rewards?: Reward[];
  reference?: string;
  reason?: string;
  key?: string;
}

const plan: Plan = {
  flow: 'managed',
  notSent: 'list',
  recipe: ['screen', 'validate', 'allocate', 'report'],
  codes: 'all',
  clearanceMarginMs: 30_000,
  executionDelayMs: 1_800_000,
  redeemEveryMs: 60_000,
  lanes: 8,
  pageSize: 10_000,
  limits: { maxAudience: 1_000, onlyCustomers: [] },
  durationDays: 7,
};

/**
 * A campaign of six customers, C1 to C6, brought to its end through the ledger's own functions: 1 to 3
 * are allocated and approved, 4 is declined, 5 refused, 6 screened out.
 */
export async function decideCampaign(
  pool: pg.Pool,
  campaignId: string,
  tenant = 'acme',
): Promise<DecidedCampaign> {
  const id = { tenant, campaignId };
  const deadline = Date.now() + 3_600_000;
  const instants = { deadline, stop: deadline - 30_000, lastReport: deadline - 1_000 };
  const announcement = { announcedAt: 1, durationDays: 7, instants, problem: undefined };
  await announce(pool, id, announcement);
  await openCampaign(pool, id, plan);
  const ref = (await findCampaign(pool, id))?.ref ?? 0;
  const rows = [1, 2, 3, 4, 5, 6].map((number) => ({
    customerId: `C${number}`,
    actionId: '2',
    promoCodes: ['SPIN20'],
  }));
  await stagePage(pool, ref, 1, 0, { rows, length: 6, controls: 0, malformed: 0 });
  await cutAudience(pool, ref);
  await startRunning(pool, ref);

  async function perform(effect: Performed): Promise<number> {
    const batch = await claimBatch(pool, ref, 1);
    const { kind, positions, kept = {}, becomes, reason, rewards, reference } = effect;
    const key = effect.key ?? `${kind}/${positions.join()}`;
    const intent = { campaign: ref, batch: 1, kind, epoch: 1, key, hash: key, positions, kept };
    const { token, change } = batch;
    const begun = await begin(pool, { ...intent, token, change, aliveMs: 5_000 }, undefined);
    if (begun.verdict !== 'begun') throw new Error(`not begun: ${begun.verdict}`);
    await settle(
      pool,
      { campaign: ref, number: 1 },
      {
        effect: begun.effect,
        slot: undefined,
        outcome: 'done',
        happenings: positions.map((position) => ({
          position,
          ...(becomes === 'told_true' || becomes === 'told_false'
            ? { clearance: becomes }
            : { ...(becomes && { state: becomes }) }),
          ...(rewards && { rewards }),
          ...(reference !== undefined && { reference: `${reference}-${position}` }),
          ...(reason !== undefined && { reason }),
        })),
      },
    );
    return begun.effect;
  }

  async function close(reason = 'decided'): Promise<void> {
    await finishBatch(pool, await claimBatch(pool, ref, 1));
    const { redemptions: _, ...counts } = await countCampaign(pool, ref);
    await closeCampaign(pool, ref, { reason, ...counts });
  }

  await record(pool, { campaign: ref, number: 1 }, [
    ...[1, 2, 3, 4, 5].map((position) => ({ position, state: 'passed' }) as const),
    { position: 6, state: 'screened_out', reason: 'self_excluded' },
  ]);
  const rewards = [{ rewardTypeId: 'spins', value: 20, tierName: 'gold' }];
  await perform({ kind: 'validate', positions: [1, 2, 3, 4], becomes: 'rewarded', rewards });
  await perform({ kind: 'validate', positions: [5], becomes: 'refused', reason: 'not_eligible' });
  const given = { kind: 'allocate', becomes: 'allocated', reference: 'ref' } as const;
  await perform({ ...given, positions: [1, 2, 3] });
  await perform({ kind: 'allocate', positions: [4], becomes: 'declined', reason: 'no_wallet' });
  const approved = multirange([1, 2, 3]);
  await perform({
    kind: 'approve',
    positions: [1, 2, 3],
    kept: { approved },
    becomes: 'told_true',
  });
  return { ref, campaignId, perform, close };
}
