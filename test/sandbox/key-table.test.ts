import { describe, expect, it } from 'vitest';
import { createKeyTable } from '../../sandbox/key-table.ts';

describe('key table', () => {
  it('numbers each key once and finds it again, through every growth', () => {
    const table = createKeyTable();
    const key = (at: number) => `assignment/${at * 7}/SPRING25`;
    for (let at = 0; at < 30_000; at += 1) expect(table.add(key(at))).toBe(at);
    for (let at = 0; at < 30_000; at += 1) {
      expect(table.find(key(at))).toBe(at);
      expect(table.find(`${key(at)}!`)).toBe(-1);
    }
  });
});
