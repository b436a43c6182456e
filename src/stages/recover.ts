import { setTimeout as delay } from 'node:timers/promises';
import { type EffectKind, nextStep } from '../domain/effect.ts';
import { type RevocationReason, revocationReasons } from '../domain/words.ts';
import { type OpenEffect, type Outcome, openEffects, settle } from '../ledger/effects.ts';
import type { Happening, Member } from '../ledger/packing.ts';
import { recoverAllocation } from './allocate.ts';
import { repeatConfirmation } from './confirm.ts';
import { openDiary } from './diary.ts';
import { type Performed, perform } from './effect.ts';
import { membersAt } from './members.ts';
import { publication } from './publish.ts';
import { repeatRedemptions } from './redeem.ts';
import { repeatReport } from './report.ts';
import { recoverRestoration } from './restore.ts';
import { revocationOrder } from './revoke.ts';
import type { Scene } from './scene.ts';
import type { Delivered } from './split.ts';
import { sendRows, uploadOrder } from './upload.ts';
import { recoverValidation } from './validate.ts';

/**
 * Finds out what became of the effects of these kinds whose answers were lost, before anything new
 * begins over their members: reads where a repeat could give twice, repeats to the letter where the key
 * makes it safe.
 */
export async function recover(
  scene: Scene,
  kinds: readonly EffectKind[],
): Promise<{ found: number; stopped: Delivered }> {
  const { pool, campaign, batch } = scene;
  if (kinds.length === 0) return { found: 0, stopped: undefined };
  const open = await openEffects(pool, campaign.ref, { batch: batch.number, kinds });
  let stopped: Delivered;
  for (const effect of open) {
    const ended = await takeNextStep(sceneOf(scene, effect), effect);
    if (ended === 'stale' || ended === 'superseded') return { found: open.length, stopped: ended };
    // A report that is too late stays open; a redemption behind it may still be told.
    stopped ??= ended;
  }
  return { found: open.length, stopped };
}

/** A repeat has the key and the names of its own epoch, whichever the campaign is in by now. */
function sceneOf(scene: Scene, effect: OpenEffect): Scene {
  return { ...scene, campaign: { ...scene.campaign, epoch: effect.epoch } };
}

async function takeNextStep(scene: Scene, effect: OpenEffect): Promise<Delivered> {
  const members = membersAt(scene, effect.positions);
  const recovery = scene.world.promotions?.recovery ?? 'assignments';
  switch (nextStep(effect.kind, recovery)) {
    case 'lapse':
    case 'read_assignments':
      await untilOver(scene, effect);
      return close(scene, effect, members, await recoverValidation(scene, effect, members));
    case 'look_up': {
      const look = effect.kind === 'restore' ? recoverRestoration : recoverAllocation;
      const found = await look(scene, members);
      if (found.length === members.length) return close(scene, effect, members, found);
      await untilOver(scene, effect);
      return close(scene, effect, members, await look(scene, members));
    }
    case 'repeat': {
      if (effect.kind === 'upload') return repeatUpload(scene, effect, members);
      const performed = await repeat(scene, effect, members);
      if (performed.ended === 'stopped') return performed.why;
      return performed.ended === 'stale' ? 'stale' : undefined;
    }
  }
}

/** Until then it may still be on the wire, and what a reading does not show may yet come. */
async function untilOver({ signal }: Scene, { aliveForMs }: OpenEffect): Promise<void> {
  if (aliveForMs > 0) await delay(aliveForMs, undefined, { signal });
}

/**
 * Whoever the reading found is settled; the others surely were not acted upon and go the ordinary way
 * again: under the same key when nobody was found, under their own when some were.
 */
async function close(
  scene: Scene,
  effect: OpenEffect,
  members: Member[],
  happenings: Happening[],
): Promise<undefined> {
  const outcome: Outcome = happenings.length === 0 && members.length > 0 ? 'not_sent' : 'done';
  await settle(scene.pool, scene.batch, {
    effect: effect.effect,
    slot: undefined,
    outcome,
    detail: 'recovered by reading',
    happenings,
  });
  openDiary(scene, effect).recovered(outcome);
  return undefined;
}

/** Sends the body of an effect again, built from its own row. */
async function repeat(scene: Scene, effect: OpenEffect, members: Member[]): Promise<Performed> {
  const { kept } = effect;
  switch (effect.kind) {
    case 'approve':
    case 'deny':
    case 'repeat':
      return perform(scene, repeatReport(scene, effect.positions, kept));
    case 'publish': {
      const { count, deadline } = kept;
      const facts = { count: Number(count), deadline: Number(deadline) };
      return perform(scene, publication(scene, members, facts));
    }
    case 'confirm':
      return perform(scene, await repeatConfirmation(scene, kept));
    case 'redeem':
    case 'redeem_used':
      return repeatRedemptions(scene, effect, members);
    case 'revoke': {
      const { repair } = kept;
      const facts = {
        reason: reasonOf(kept['reason']),
        ...(typeof repair === 'string' && { repair }),
      };
      return perform(scene, revocationOrder(scene, members, facts));
    }
    default:
      throw new Error(`An effect of kind ${effect.kind} is not recovered by a repeat`);
  }
}

function repeatUpload(scene: Scene, effect: OpenEffect, members: Member[]): Promise<Delivered> {
  const { kept } = effect;
  const facts = { expiresAt: Number(kept['expiresAt']), last: kept['last'] === true };
  return sendRows(scene, uploadOrder(scene, members, facts));
}

function reasonOf(kept: unknown): RevocationReason {
  const reason = revocationReasons.find((known) => known === kept);
  if (!reason) throw new Error(`The ledger kept an unknown reason: ${String(kept)}`);
  return reason;
}
