import type { Fact, State } from '../domain/assignment.ts';
import type { EffectKind } from '../domain/effect.ts';
import type { Reward } from '../domain/words.ts';
import type { Place } from './timeline.ts';

/** One thing that happened to an assignment. */
export interface Moment {
  /** Epoch milliseconds; null for what our own rules decided in between. */
  at: number | null;
  what: string;
  /** True or false, as Optimove was told. */
  status?: boolean;
  reason?: string;
  rewards?: Reward[];
  reference?: string;
  /** How often the call was begun, where more than once. */
  attempts?: number;
}

export interface EffectLine {
  kind: EffectKind;
  attempts: number;
  outcome: 'done' | 'refused' | 'not_sent' | 'given_up' | null;
  detail: string | null;
  reason: string | null;
  approved: boolean | null;
  begunAt: number;
  answeredAt: number | null;
}

export interface ChangeLine {
  seq: string;
  batch: number;
  fact: Fact;
  value: number;
  cause: string;
  reason: string | null;
  at: number;
}

interface Standing {
  state: State;
  reason: string | null;
  rewards: Reward[];
  reference: string | null;
}

/** What happened to one assignment, in its order. */
export function momentsOf(
  place: Place,
  standing: Standing,
  effects: readonly EffectLine[],
  changes: readonly ChangeLine[],
): Moment[] {
  const calls = effects.map((effect) => momentOf(effect, standing));
  const alone = changes.map((change): Moment => {
    const what = change.cause === 'moved' ? 'claimed' : change.cause;
    return { at: change.at, what, ...reasoned(change.reason) };
  });
  const dated = [...calls, ...alone].sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  return [
    { at: place.collectedAt, what: 'targeted' },
    ...screening(standing),
    ...dated,
    ...ending(place, standing),
  ];
}

/** Screening leaves no call of its own: what it decided shows in the state. */
function screening({ state, reason }: Standing): Moment[] {
  if (state === 'targeted') return [];
  if (state === 'screened_out') return [{ at: null, what: 'screened_out', ...reasoned(reason) }];
  return [{ at: null, what: 'screened' }];
}

function ending({ closedAt }: Place, { state, reason }: Standing): Moment[] {
  return state === 'lapsed' ? [{ at: closedAt, what: 'lapsed', ...reasoned(reason) }] : [];
}

function momentOf(effect: EffectLine, standing: Standing): Moment {
  const { outcome, attempts, detail } = effect;
  const at = effect.answeredAt ?? effect.begunAt;
  const again = attempts > 1 ? { attempts } : {};
  if (outcome === 'done') return { at, ...became(effect, standing), ...again };
  const what = `${effect.kind} ${outcome ?? 'unanswered'}`;
  return { at, what, ...status(effect), ...reasoned(detail), ...again };
}

/** What an answered call did to this one member, told from how the member stands now. */
function became(effect: EffectLine, standing: Standing): Omit<Moment, 'at'> {
  const { state, reason, rewards, reference } = standing;
  switch (effect.kind) {
    case 'validate':
      return rewards.length > 0
        ? { what: 'validated', rewards }
        : { what: 'refused', ...reasoned(reason) };
    case 'allocate':
      return state === 'declined'
        ? { what: 'declined', ...reasoned(reason) }
        : { what: 'allocated', ...(reference !== null && { reference }) };
    case 'restore':
      return state === 'revoked'
        ? { what: 'restoring declined', ...reasoned(reason) }
        : { what: 'restored', ...(reference !== null && { reference }) };
    case 'upload':
      return { what: 'uploaded' };
    case 'publish':
      return { what: 'published' };
    case 'approve':
    case 'repeat':
    case 'deny':
      return { what: 'told', ...status(effect) };
    case 'confirm':
      return { what: 'confirmed' };
    case 'redeem':
    case 'redeem_used':
      return { what: 'redeemed' };
    case 'revoke':
      return { what: 'revoked', ...reasoned(effect.reason) };
  }
}

function status({ kind, approved }: EffectLine): { status?: boolean } {
  if (approved !== null) return { status: approved };
  return kind === 'deny' ? { status: false } : {};
}

function reasoned(reason: string | null): { reason?: string } {
  return reason === null ? {} : { reason };
}
