import { EventEmitter } from 'node:events';
import { executedPlan } from '../domain/campaign.ts';
import type { EffectKind } from '../domain/effect.ts';
import type { Stage } from '../domain/flow.ts';
import type { RevocationReason } from '../domain/words.ts';
import {
  finishBatch,
  heldBatches,
  lapseUnclaimed,
  markAwaited,
  setToValidate,
} from '../ledger/batches.ts';
import { type CampaignRow, campaignOf } from '../ledger/campaigns.ts';
import { claimBatch, readBatch } from '../ledger/columns.ts';
import { allocate } from '../stages/allocate.ts';
import { awardExecuted } from '../stages/award.ts';
import { publish } from '../stages/publish.ts';
import { recover } from '../stages/recover.ts';
import { queueRedemptions } from '../stages/redeem.ts';
import { report } from '../stages/report.ts';
import { revoke } from '../stages/revoke.ts';
import type { Scene, Stop } from '../stages/scene.ts';
import { screen } from '../stages/screen.ts';
import type { Delivered } from '../stages/split.ts';
import { upload } from '../stages/upload.ts';
import { type CodeQueue, validate } from '../stages/validate.ts';
import { openQueue } from './code-queue.ts';
import { translated } from './failures.ts';
import { type Activated, worldOf } from './house.ts';
import { watched } from './watch.ts';

/** What each stage does with a batch, and which of its effects it first finds out about. */
const walks: Record<
  Stage,
  { walk: (scene: Scene, queue: CodeQueue) => Promise<Delivered>; kinds: EffectKind[] }
> = {
  screen: { walk: screen, kinds: [] },
  publish: { walk: publish, kinds: ['publish'] },
  validate: { walk: validate, kinds: ['validate'] },
  award: { walk: awardExecuted, kinds: [] },
  allocate: { walk: allocate, kinds: ['allocate'] },
  upload: { walk: upload, kinds: ['upload'] },
  report: { walk: report, kinds: ['approve', 'deny'] },
  redeem: { walk: queueRedemptions, kinds: [] },
};

export interface BatchStage {
  ref: number;
  batch: number;
  stage: Stage;
  pass: number;
  /** Whether the recipe ends with this stage. */
  isLast: boolean;
}

/** Undefined: the whole batch has passed the stage. */
export interface StageEnd {
  stopped?: Stop;
}

/** Batches of which one reason takes back: one, or many that are small. */
export interface ToRevoke {
  ref: number;
  batch: number;
  more?: number[];
  reason: RevocationReason;
}

/** A round's worth: no history holds more of them. */
const mostToRevoke = 10_000;

export interface WalkEnd extends StageEnd {
  /** Of the last stage: nothing of the batch is unanswered. */
  finished?: boolean;
}

/** Activities that walk a batch through one stage, in chunks, resumable at every chunk. */
export function batchActivities(house: Activated) {
  const { pool } = house;
  /** Rings when a batch of this process has validated a code; see openQueue. */
  const validated = new EventEmitter().setMaxListeners(0);

  return {
    /**
     * Walks one batch through one stage, and finishes it where the recipe ends. Safe to run twice, also
     * at once: each attempt claims the batch, and what an earlier one left unanswered is found out
     * about first.
     */
    async walkStage({ ref, batch, stage, pass, isLast }: BatchStage): Promise<WalkEnd> {
      return watched((signal) =>
        translated(async () => {
          const { walk, kinds } = walks[stage];
          const queue = openQueue(pool, validated, { ref, batch, signal });
          const claim = { ref, batch, pass, signal };
          let finished = false;
          const stopped = await claimAndWalk(house, claim, kinds, async (scene) => {
            const ended = await walk(scene, queue);
            if (!ended && isLast) finished = await finishBatch(pool, scene.batch);
            return ended;
          });
          if (stopped) return { stopped };
          if (stage === 'redeem') house.kickSettlement((await campaignOf(pool, ref)).tenant);
          return isLast ? { finished } : {};
        }),
      );
    },

    /** A pass is done with a batch before its end: the batches above need not wait for its codes. */
    async leaveBatch({ ref, batch }: { ref: number; batch: number }): Promise<void> {
      await setToValidate(pool, ref, batch, []);
      validated.emit(String(ref));
    },

    /** Batches in which a reason finds something to take back. */
    async batchesToRevoke(of: { ref: number; reason: RevocationReason }): Promise<number[]> {
      if (of.reason === 'deadline') await markAwaited(pool, of.ref);
      return (await heldBatches(pool, of.ref, of.reason)).slice(0, mostToRevoke);
    },

    /** Takes back what one reason selects in one batch, or in many. Its claim ends every older attempt. */
    async revokeBatch({ ref, batch, more = [], reason }: ToRevoke): Promise<StageEnd> {
      return watched((signal) =>
        translated(async () => {
          for (const one of [batch, ...more]) {
            const claim = { ref, batch: one, signal };
            const stopped = await claimAndWalk(house, claim, ['revoke'], (scene) =>
              revoke(scene, reason),
            );
            if (stopped) return { stopped };
            if (reason === 'expired') await lapseUnclaimed(pool, ref, one);
          }
          return {};
        }),
      );
    },
  };
}

interface Claim {
  ref: number;
  batch: number;
  pass?: number;
  signal: AbortSignal;
}

/** Members may change while a body is built; it is then read and built again, this often at most. */
const maxRebuilds = 50;

export async function claimAndWalk(
  house: Activated,
  claim: Claim,
  kinds: EffectKind[],
  walk: (scene: Scene) => Promise<Delivered>,
): Promise<Stop | undefined> {
  const { pool } = house;
  let batch = await claimBatch(pool, claim.ref, claim.batch, claim.pass);
  for (let rebuild = 0; rebuild < maxRebuilds; rebuild += 1) {
    const campaign = await campaignOf(pool, claim.ref);
    const scene = sceneOf(house, campaign, batch, claim.signal);
    const { found, stopped } = await recover(scene, kinds);
    if (stopped && stopped !== 'stale') return stopped;
    if (found === 0) {
      const ended = await walk(scene);
      if (ended !== 'stale') return ended;
    }
    const { token } = batch;
    const read = await readBatch(pool, claim.ref, claim.batch);
    if (!read) throw new Error(`Batch ${claim.batch} is not in the ledger`);
    // The claim stays this attempt's own: a token that rose meanwhile ends it at its next begin.
    batch = { ...read, token };
  }
  throw new Error(
    `Batch ${claim.batch} of campaign ${claim.ref} changed ${maxRebuilds} times while it was walked`,
  );
}

export function sceneOf(
  house: Activated,
  campaign: CampaignRow,
  batch: Scene['batch'],
  signal: AbortSignal,
): Scene {
  if (!campaign.plan) throw new Error(`Campaign ${campaign.campaignId} was never opened`);
  const { pool, turns, log, metrics } = house;
  const world = worldOf(house, campaign.tenant);
  const plan = batch.fulfilment === undefined ? campaign.plan : executedPlan(campaign.plan);
  return { pool, turns, log, metrics, world, campaign, plan, batch, signal };
}
