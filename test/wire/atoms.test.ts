import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  caseless,
  readBoolean,
  readCodes,
  readDays,
  readId,
  writeId,
} from '../../src/wire/atoms.ts';

const plainId = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);

test('an id keeps its spelling, leading zeros and casing included', () => {
  fc.assert(
    fc.property(plainId, (id) => {
      expect(readId(id)).toBe(id);
    }),
  );
});

test('a number and its digits are the same id', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (number) => {
      expect(readId(number)).toBe(readId(String(number)));
    }),
  );
});

test.each([
  ['nothing', undefined],
  ['null', null],
  ['an empty text', ''],
  ['blanks', '  '],
  ['a fraction', 1.5],
  ['a number that JSON does not carry exactly', 2 ** 53],
  ['a NUL, which no database holds', 'a\0b'],
  ['half a surrogate pair', 'a\ud800'],
  ['a text longer than any id', 'x'.repeat(257)],
  ['an object', {}],
])('%s is no id', (_name, value) => {
  expect(readId(value)).toBeUndefined();
});

test('an id that is written as a number is read back in its own spelling', () => {
  fc.assert(
    fc.property(fc.oneof(plainId, fc.stringMatching(/^\d{1,20}$/)), (id) => {
      expect(readId(JSON.parse(JSON.stringify(writeId(id))))).toBe(id);
    }),
  );
  expect(writeId('70412')).toBe(70412);
  expect(writeId('070412')).toBe('070412');
});

test('codes read the same comma-joined and as an array, each once, in order', () => {
  const code = fc.stringMatching(/^[A-Z0-9-]{1,12}$/);
  const blank = fc.constantFrom('', ' ', '  ');
  fc.assert(
    fc.property(fc.array(code), blank, (codes, padding) => {
      const once = [...new Set(codes)];
      expect(readCodes(codes.map((each) => padding + each + padding).join(','))).toEqual(once);
      expect(readCodes(codes)).toEqual(once);
      expect(readCodes([codes.join(',')])).toEqual(once);
    }),
  );
});

test.each([null, undefined, '', ' , ', [], ['']])('%j is no code at all', (value) => {
  expect(readCodes(value)).toEqual([]);
});

test.each([
  ['an object', {}],
  ['a flag', true],
  ['an array with an object', [{ code: 'A' }]],
  ['a code too long to keep', `A,${'B'.repeat(300)}`],
])('%s is not understood, and does not pass for no code', (_name, value) => {
  expect(readCodes(value)).toBeUndefined();
});

test('flags are read as such and as words in any casing', () => {
  expect([true, 'true', 'True', ' TRUE '].map(readBoolean)).toEqual([true, true, true, true]);
  expect([false, 'false', 'False'].map(readBoolean)).toEqual([false, false, false]);
  expect(['yes', 1, null, ''].map(readBoolean)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('days are whole, not negative, and within ten years', () => {
  expect([0, 7, '7', 3660].map(readDays)).toEqual([0, 7, 7, 3660]);
  expect([-1, 1.5, 'week', '', null, 9e9].every((each) => readDays(each) === undefined)).toBe(true);
});

test('of two keys that differ by case alone the first counts, and __proto__ is a key like others', () => {
  const fields = caseless(
    JSON.parse('{"CampaignID":1,"campaignId":2,"__proto__":{"channelid":9}}'),
  );
  expect(fields['campaignid']).toBe(1);
  expect(fields['channelid']).toBeUndefined();
});
