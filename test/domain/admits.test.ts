import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  admits,
  type EffectKind,
  effectKinds,
  nextStep,
  type Standing,
  standings,
} from '../../src/domain/effect.ts';

const instants = { stop: 1_000, lastReport: 2_000 };
const kind = fc.constantFrom(...effectKinds);
const standing = fc.subarray([...standings].slice(1)).map((more): Standing[] => ['open', ...more]);
const now = fc.integer({ min: 0, max: 3_000 });

const giving: EffectKind[] = ['validate', 'allocate', 'upload', 'publish', 'approve'];

test('what stands against a campaign only ever takes away, never admits more', () => {
  fc.assert(
    fc.property(kind, standing, fc.constantFrom(...standings), now, (one, has, more, at) => {
      if (admits(one, [...has, more], at, instants)) {
        expect(admits(one, has, at, instants)).toBe(true);
      }
    }),
  );
});

test('what is not admitted now is not admitted later', () => {
  fc.assert(
    fc.property(kind, standing, now, fc.nat(2_000), (one, has, at, later) => {
      if (!admits(one, has, at, instants)) {
        expect(admits(one, has, at + later, instants)).toBe(false);
      }
    }),
  );
});

test('nothing is given or approved from the stop on, nor while anything stands against it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...giving), standing, now, (one, has, at) => {
      expect(admits(one, has, at, instants)).toBe(has.length === 1 && at < instants.stop);
    }),
  );
});

test('no report of any kind begins from the last report on', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<EffectKind[]>('approve', 'repeat', 'deny'),
      standing,
      (one, has) => {
        expect(admits(one, has, instants.lastReport, instants)).toBe(false);
      },
    ),
  );
});

test('taking back is admitted always', () => {
  fc.assert(
    fc.property(standing, now, (has, at) => {
      expect(admits('revoke', has, at, instants)).toBe(true);
    }),
  );
});

test('a deleted campaign admits taking back, and telling what was used', () => {
  fc.assert(
    fc.property(kind, now, (one, at) => {
      const isAdmitted = one === 'revoke' || one === 'redeem_used';
      expect(admits(one, ['open', 'deleted'], at, instants)).toBe(isAdmitted);
    }),
  );
});

test.each<[EffectKind, Standing, number, boolean]>([
  ['deny', 'operator', 1_999, true],
  ['deny', 'held', 1_999, true],
  ['repeat', 'open', 1_999, true],
  ['repeat', 'operator', 0, false],
  ['redeem', 'held', 3_000, true],
  ['redeem', 'halted', 0, false],
  ['redeem', 'operator', 0, false],
  ['redeem_used', 'operator', 3_000, true],
  ['redeem_used', 'halted', 0, false],
  ['confirm', 'held', 3_000, true],
  ['confirm', 'operator', 0, false],
  ['restore', 'open', 3_000, true],
  ['restore', 'held', 0, false],
  ['restore', 'halted', 0, false],
  ['restore', 'operator', 0, false],
  ['allocate', 'open', 999, true],
  ['allocate', 'open', 1_000, false],
])('%s of a campaign that is %s at %i is admitted: %s', (one, has, at, admitted) => {
  expect(admits(one, ['open', has], at, instants)).toBe(admitted);
});

test('a lost validation is read or given up, what gives is looked up, all else repeated', () => {
  const steps = effectKinds.map((one) => [one, nextStep(one, 'assignments')]);
  expect(Object.fromEntries(steps)).toEqual({
    validate: 'read_assignments',
    allocate: 'look_up',
    upload: 'repeat',
    publish: 'repeat',
    approve: 'repeat',
    repeat: 'repeat',
    deny: 'repeat',
    redeem: 'repeat',
    redeem_used: 'repeat',
    revoke: 'repeat',
    confirm: 'repeat',
    restore: 'look_up',
  });
  expect(nextStep('validate', 'lapse')).toBe('lapse');
});
