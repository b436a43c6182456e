import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isFinal, isHeld, type State, states } from '../../src/domain/assignment.ts';
import { verdict } from '../../src/domain/clearance.ts';

const customer = fc.array(fc.constantFrom(...states), { minLength: 1, maxLength: 4 });

test.each<[State[], 'approve' | 'deny' | 'pending', 'approve' | 'deny' | 'pending']>([
  [['allocated'], 'approve', 'approve'],
  [['cleared'], 'approve', 'approve'],
  [['allocated', 'used'], 'approve', 'approve'],
  [['allocated', 'refused'], 'deny', 'approve'],
  [['refused', 'validated'], 'deny', 'pending'],
  [['allocated', 'validated'], 'pending', 'approve'],
  [['screened'], 'pending', 'pending'],
  [['refused', 'declined'], 'deny', 'deny'],
  [['expired'], 'deny', 'deny'],
])('a customer with %j is judged %s where all codes count, %s where any does', (own, all, any) => {
  expect(verdict(own, 'all')).toBe(all);
  expect(verdict(own, 'any')).toBe(any);
});

test('nobody is approved who holds nothing, and by "all" nobody who misses one', () => {
  fc.assert(
    fc.property(customer, (own) => {
      if (verdict(own, 'any') === 'approve') expect(own.some(isHeld)).toBe(true);
      if (verdict(own, 'all') === 'approve') expect(own.every(isHeld)).toBe(true);
    }),
  );
});

test('only what a stage may still change is pending, and "any" never asks more than "all"', () => {
  fc.assert(
    fc.property(customer, (own) => {
      for (const rule of ['all', 'any'] as const) {
        if (own.every(isFinal)) expect(verdict(own, rule)).not.toBe('pending');
      }
      if (verdict(own, 'all') === 'approve') expect(verdict(own, 'any')).toBe('approve');
    }),
  );
});
