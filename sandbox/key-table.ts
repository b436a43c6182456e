import { createColumn } from './column.ts';

/**
 * Remembers which strings were seen, in about 20 bytes a string and without keeping the string: a
 * Map of ten million keys would weigh a gigabyte. Two keys count as one when 64 bits of hash
 * agree; among ten million keys the odds are 1 to 300,000.
 */
export interface KeyTable {
  /** The number given to this key when it was added, or -1. */
  find(key: string): number;
  /** Gives a new key the next number, from 0. */
  add(key: string): number;
}

export function createKeyTable(): KeyTable {
  const firsts = createColumn(32);
  const seconds = createColumn(32);
  let places = new Uint32Array(4096);
  let count = 0;

  /** The place where the key is, or the free one where it would be. */
  function placeOf(first: number, second: number): number {
    const mask = places.length - 1;
    let place = first & mask;
    for (;;) {
      const number = places[place] ?? 0;
      if (number === 0) return place;
      if (firsts.get(number - 1) === first && seconds.get(number - 1) === second) return place;
      place = (place + 1) & mask;
    }
  }

  function grow(): void {
    places = new Uint32Array(places.length * 2);
    for (let number = 0; number < count; number += 1) {
      places[placeOf(firsts.get(number), seconds.get(number))] = number + 1;
    }
  }

  return {
    find(key) {
      const [first, second] = hashText(key);
      return (places[placeOf(first, second)] ?? 0) - 1;
    },
    add(key) {
      if (count * 2 >= places.length) grow();
      const [first, second] = hashText(key);
      firsts.set(count, first);
      seconds.set(count, second);
      places[placeOf(first, second)] = count + 1;
      count += 1;
      return count - 1;
    },
  };
}

/** 64 bits of a text, as two numbers of 32 (cyrb53's two lanes). */
export function hashText(text: string): [number, number] {
  let first = 0xdeadbeef;
  let second = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x9e3779b1);
    second = Math.imul(second ^ unit, 0x5f356495);
  }
  first =
    Math.imul(first ^ (first >>> 16), 0x85ebca6b) ^ Math.imul(second ^ (second >>> 13), 0xc2b2ae35);
  second =
    Math.imul(second ^ (second >>> 16), 0x85ebca6b) ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return [first >>> 0, second >>> 0];
}
