import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Causes,
  isFinal,
  isHeld,
  type State,
  states,
  transition,
  transitions,
} from '../../src/domain/assignment.ts';

/** Every move of a fact that its table allows. */
function movesOf(causes: Record<string, Partial<Record<string, string>>>) {
  return Object.entries(causes).flatMap(([cause, moves]) =>
    Object.entries(moves).map(([from, to]) => ({ cause, from, to })),
  );
}

const causes: Causes['state'][] = [
  'passed',
  'cleared',
  'screened_out',
  'published',
  'rewarded',
  'refused',
  'allocated',
  'declined',
  'lapsed',
  'moved',
  'reopened',
  'reopened_rewarded',
  'used',
  'expired',
  'revoked',
];

function after(history: readonly Causes['state'][], from: State = 'targeted'): State {
  return history.reduce((state, cause) => transition('state', state, cause) ?? state, from);
}

test('the list of causes that the properties draw from is whole', () => {
  expect([...causes].sort()).toEqual(Object.keys(transitions.state).sort());
});

test('nothing leaves revoked, used or expired', () => {
  for (const end of ['revoked', 'used', 'expired'] as const) {
    expect(causes.map((cause) => transition('state', end, cause))).toEqual(
      causes.map(() => undefined),
    );
  }
});

test('only a new epoch leads out of lapsed, and only an award out of published, into a stage', () => {
  const out = movesOf(transitions.state).filter(
    ({ from, to }) => isFinalName(from) && to !== undefined && !isFinalName(to),
  );
  expect(out.map(({ cause, from }) => `${from} by ${cause}`)).toEqual([
    'published by rewarded',
    'lapsed by reopened',
    'lapsed by reopened_rewarded',
  ]);
});

function isFinalName(name: string): boolean {
  const state = states.find((known) => known === name);
  if (!state) throw new Error(`${name} is not a state`);
  return isFinal(state);
}

test('an assignment is allocated only after it was screened', () => {
  // The ledger reopens as rewarded only who has a reward, and so was screened before.
  const table = causes.filter((cause) => cause !== 'reopened_rewarded');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...table)), (history) => {
      if (after(history) === 'allocated') expect(history).toContain('passed');
    }),
  );
});

test('whoever was handed to the publisher waits for event 13: awarded, refused, lapsed at its end, or taken back', () => {
  const out = movesOf(transitions.state).filter(({ from }) => from === 'published');
  expect(out.map(({ cause, to }) => [cause, to])).toEqual([
    ['rewarded', 'validated'],
    ['refused', 'refused'],
    ['lapsed', 'lapsed'],
    ['revoked', 'revoked'],
  ]);
  expect([isFinal('published'), isHeld('published')]).toEqual([true, false]);
});

test('what is handed over was screened, and is given only by an award', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...causes)), (history) => {
      if (!history.includes('published')) return;
      if (after(history) === 'published') expect(history).toContain('passed');
      const at = history.indexOf('published');
      const isHandedOver = after(history.slice(0, at + 1)) === 'published';
      const given = history.indexOf('allocated', at);
      if (!isHandedOver || given < 0 || after(history.slice(0, given + 1)) !== 'allocated') return;
      expect(history.slice(at, given)).toContain('rewarded');
    }),
  );
});

test('only somebody whom we never told is left to others, and nothing we say changes that', () => {
  const { clearance } = transitions;
  expect(movesOf(clearance).filter(({ to }) => to === 'delegated')).toEqual([
    { cause: 'delegated', from: 'none', to: 'delegated' },
  ]);
  expect(movesOf(clearance).filter(({ from }) => from === 'delegated')).toEqual([]);
});

test('the same cause twice is the same as once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...causes)),
      fc.constantFrom(...causes),
      (history, cause) => {
        expect(after([...history, cause, cause])).toBe(after([...history, cause]));
      },
    ),
  );
});

test('everything that may hide an allocation can be taken back', () => {
  const hiding: State[] = ['screened', 'validated', 'allocated', 'lapsed'];
  expect(hiding.map((state) => transition('state', state, 'revoked'))).toEqual(
    hiding.map(() => 'revoked'),
  );
});

test('what was used, refused or declined is not taken back', () => {
  for (const state of ['used', 'refused', 'declined', 'screened_out', 'cleared'] as const) {
    expect(transition('state', state, 'revoked')).toBeUndefined();
  }
});

test('what is held is final', () => {
  expect(states.filter((state) => isHeld(state) && !isFinal(state))).toEqual([]);
});
