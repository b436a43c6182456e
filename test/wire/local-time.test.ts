import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  readLocalDate,
  readLocalTime,
  writeLocalDate,
  writeLocalTime,
} from '../../src/wire/local-time.ts';

/** Whole and half hours, both hemispheres, a zone that moves by half an hour, one that never moves. */
const zones = [
  'UTC',
  'Europe/Malta',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Sao_Paulo',
];
const zone = fc.constantFrom(...zones);
const second = fc
  .integer({ min: Date.UTC(2024, 0, 1) / 1_000, max: Date.UTC(2032, 0, 1) / 1_000 })
  .map((seconds) => seconds * 1_000);

test('an instant that is written and read again is itself, or the earlier of a repeated hour', () => {
  fc.assert(
    fc.property(second, zone, (instant, name) => {
      const local = writeLocalTime(instant, name);
      const read = readLocalTime(local, name);
      if (!('instant' in read)) throw new Error(`${local} in ${name}: ${read.unreadable}`);
      expect(read.instant).toBeLessThanOrEqual(instant);
      expect(writeLocalTime(read.instant, name)).toBe(local);
      if (read.instant !== instant) expect(instant - read.instant).toBeLessThanOrEqual(3_600_000);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['2026-03-02 11:30:00', 'Europe/Malta', '2026-03-02T10:30:00Z'],
  ['2026-07-02 11:30', 'Europe/Malta', '2026-07-02T09:30:00Z'],
  ['2026-03-02T11:30:00', 'UTC', '2026-03-02T11:30:00Z'],
  ['2026-03-02 11:30:00', 'Asia/Kathmandu', '2026-03-02T05:45:00Z'],
  ['2026-10-25 02:30:00', 'Europe/Malta', '2026-10-25T00:30:00Z'],
  ['2026-11-01 01:59:59', 'America/New_York', '2026-11-01T05:59:59Z'],
  ['2026-04-05 01:45:00', 'Australia/Lord_Howe', '2026-04-04T14:45:00Z'],
])('%s in %s is %s', (local, name, instant) => {
  expect(readLocalTime(local, name)).toEqual({ instant: Date.parse(instant) });
});

test.each([
  ['2026-03-29 02:30:00', 'Europe/Malta'],
  ['2026-03-29 02:00:00', 'Europe/Malta'],
  ['2026-03-08 02:59:59', 'America/New_York'],
  ['2026-10-04 02:15:00', 'Australia/Lord_Howe'],
])('%s in %s is skipped by the clocks, and said to be', (local, name) => {
  expect(readLocalTime(local, name)).toEqual({
    unreadable: expect.stringContaining('daylight saving'),
  });
});

test.each([
  ['a number', 1772451000],
  ['nothing', undefined],
  ['an empty text', ''],
  ['words', 'tomorrow'],
  ['a date alone', '2026-03-02'],
  ['another order', '02-03-2026 11:30:00'],
  ['a day that is not', '2026-02-30 11:30:00'],
  ['an hour that is not', '2026-03-02 24:00:00'],
  ['a minute that is not', '2026-03-02 11:60:00'],
  ['a zone of its own', '2026-03-02 11:30:00+02:00'],
])('%s is no local time', (_name, value) => {
  expect(readLocalTime(value, 'Europe/Malta')).toEqual({ unreadable: expect.any(String) });
});

test.each([
  ['a date', '2026-03-02', '2026-03-02'],
  ['a local time', ' 2026-03-02 23:59:59', '2026-03-02'],
  ['a date with a T', '2026-03-02T00:00:00', '2026-03-02'],
  ['the last day of a leap year’s February', '2028-02-29', '2028-02-29'],
  ['a day that is not', '2026-02-29', undefined],
  ['a month that is not', '2026-13-01', undefined],
  ['another order', '02-03-2026', undefined],
  ['a date and more', '2026-03-021', undefined],
  ['a number', 20260302, undefined],
  ['nothing', undefined, undefined],
])('%s is read as the day it names, or as none', (_name, value, day) => {
  expect(readLocalDate(value)).toBe(day);
});

test('a date is the tenant’s, not that of Greenwich', () => {
  expect(writeLocalDate(Date.parse('2026-03-02T23:30:00Z'), 'Europe/Malta')).toBe('2026-03-03');
});
