import { performance } from 'node:perf_hooks';
import type { EffectKind } from '../domain/effect.ts';
import type { Fault, FaultKind } from '../domain/fault.ts';
import type { Scene } from './scene.ts';

/** Under which stage an effect stands in the log and in the figures. */
export const stageOf: Record<EffectKind, string> = {
  validate: 'validate',
  allocate: 'allocate',
  upload: 'upload',
  publish: 'publish',
  approve: 'report',
  repeat: 'report',
  deny: 'report',
  redeem: 'redeem',
  redeem_used: 'redeem',
  revoke: 'revoke',
  confirm: 'confirm',
  restore: 'restore',
};

/** An effect that has begun. */
interface Begun {
  kind: EffectKind;
  effect: number;
  key: string;
  positions: readonly number[];
}

export type Diary = ReturnType<typeof openDiary>;

/**
 * Follows one effect through the log and the figures. Each line names its tenant, campaign, batch,
 * stage and effect, so that any of them finds all that became of it.
 */
export function openDiary(scene: Scene, { kind, effect, key, positions }: Begun) {
  const { log, metrics, campaign, batch } = scene;
  const { tenant, campaignId, epoch } = campaign;
  const stage = stageOf[kind];
  const assignments = positions.length;
  const facts = {
    ...{ tenant, campaign: campaignId, epoch, batch: batch.number },
    ...{ stage, kind, effect, key, assignments },
  };
  const beganAt = performance.now();
  return {
    /** Its turn came after so many milliseconds, and the ledger let it begin. */
    began(waitedMs: number): void {
      metrics.turnCame({ tenant, stage }, waitedMs);
      log.info({ ...facts, waitedMs: Math.round(waitedMs) }, 'an effect began');
    },

    /** Its answer came and has been written down. */
    done(): void {
      end('done', (tookMs) =>
        log.info({ ...facts, tookMs, outcome: 'done' }, 'an effect was done'),
      );
    },

    /** Bad news came instead of an answer; where it is `unknown`, the ledger lists its next step. */
    failed({ kind: outcome, message }: Fault): void {
      end(outcome, (tookMs) =>
        log.warn({ ...facts, tookMs, outcome, fault: message }, 'an effect was not done'),
      );
    },

    /** A reading showed what had become of it, after its answer was lost. */
    recovered(outcome: string): void {
      log.info({ ...facts, outcome }, 'a lost effect was found out about');
    },
  };

  function end(outcome: 'done' | FaultKind, write: (tookMs: number) => void): void {
    const tookMs = performance.now() - beganAt;
    metrics.effectEnded({ tenant, stage, outcome }, { assignments, tookMs });
    write(Math.round(tookMs));
  }
}
