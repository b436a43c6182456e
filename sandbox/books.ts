/**
 * What the far sides were told of a campaign, as bytes by customer index (and code slot): about 7
 * bytes a customer, so that ten millions can be judged in one process.
 */

/** Facts of one assignment (customer and code). */
export const ASKED = 1;
export const REWARDED = 2;
export const GIVEN = 4;
export const HELD = 8;
export const REVOKED = 16;
export const DECLINED = 32;
export const REDEEMED = 64;
/** Taken back because its time was over. */
export const EXPIRED = 128;

/** Facts of one customer. */
export const APPROVED = 1;
export const DENIED = 2;
export const SCREENED = 4;
export const SCREENED_OUT = 8;
export const UPLOADED = 16;
/** The shop sent a claim of his; it was granted; Optimove was told of it. */
export const CLAIMED = 32;
export const GRANTED = 64;
export const CONFIRMED = 128;

/** How a customer's campaign went its way: handed to the publisher; sent by Optimove. */
export const PUBLISHED = 1;
export const SENT = 2;

export interface Books {
  assignments: Uint8Array;
  /** The tier that validation chose, plus one. */
  tiers: Uint8Array;
  /** The number of the unique code that validation handed out, plus one; by position. */
  uniqueCodes: Uint32Array | undefined;
  customers: Uint8Array;
  sending: Uint8Array;
  /** Until when the platform was told to give it, epoch seconds by position; opened by the first. */
  expiries: Uint32Array | undefined;
}

export function openBooks(customers: number, codes: number, anyUnique: boolean): Books {
  const positions = customers * Math.max(codes, 1);
  return {
    assignments: new Uint8Array(positions),
    tiers: new Uint8Array(positions),
    uniqueCodes: anyUnique ? new Uint32Array(positions) : undefined,
    customers: new Uint8Array(customers),
    sending: new Uint8Array(customers),
    expiries: undefined,
  };
}

/** Is any of these facts written? */
export function has(column: Uint8Array, index: number, facts: number): boolean {
  return ((column[index] ?? 0) & facts) !== 0;
}

export function mark(column: Uint8Array, index: number, facts: number): void {
  column[index] = (column[index] ?? 0) | facts;
}

export function clear(column: Uint8Array, index: number, facts: number): void {
  column[index] = (column[index] ?? 0) & ~facts;
}
