/** Slots of a table to begin with; it doubles when two thirds are taken. */
const firstSlots = 1 << 16;

/**
 * Remembers texts by 53 bits of a hash each: sixteen megabytes a million, where the texts themselves would take
 * a hundred. Two of a million texts are taken for one once in twenty thousand times.
 */
export function createFingerprints() {
  let slots = new Float64Array(firstSlots);
  let taken = 0;

  /** Zero marks a free slot, so that no fingerprint may be zero. */
  function put(fingerprint: number): boolean {
    let place = fingerprint % slots.length;
    while (slots[place] !== 0 && slots[place] !== fingerprint) place = (place + 1) % slots.length;
    if (slots[place] === fingerprint) return false;
    slots[place] = fingerprint;
    return true;
  }

  return {
    /** True for a text that was not seen before. */
    add(text: string): boolean {
      if (!put(fingerprintOf(text))) return false;
      taken += 1;
      if (taken * 3 > slots.length * 2) {
        const before = slots;
        slots = new Float64Array(before.length * 2);
        for (const fingerprint of before) if (fingerprint !== 0) put(fingerprint);
      }
      return true;
    },
  };
}

/** Two multiplicative hashes of 32 bits, mixed into each other (after cyrb53). Never zero. */
function fingerprintOf(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0) || 1;
}
