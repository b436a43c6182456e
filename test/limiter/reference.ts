import { firstClass, nextWaiter, streakAfter } from '../../src/limiter/order.ts';
import type { Rank, SlotRequest } from '../../src/world.ts';

/** A slot that was granted, in milliseconds of the test. */
export interface Grant {
  at: number;
  answered: number | undefined;
}

/** The latest instant at which a granted request may reach the far side. */
const latestArrival = (grant: Grant) =>
  Math.min(grant.at + 500, grant.answered ?? Number.POSITIVE_INFINITY);

/**
 * How often a far side that counts `requests` in any window could have been asked once too often:
 * grants at whose instant so many others could still have arrived within the window before.
 */
export function violations(grants: readonly Grant[], requests: number, perMs: number): number {
  return grants.filter((grant, place) => {
    const inWindow = grants.slice(0, place).filter((one) => latestArrival(one) >= grant.at - perMs);
    return inWindow.length >= requests;
  }).length;
}

/** The limiter as one would explain it, for one bucket: everything is remembered and counted anew. */
export function createReference(limit: { requests: number; windowMs: number; spaced: boolean }) {
  const grants: Grant[] = [];
  const waiters: { process: string; rank: Rank; askedAt: number }[] = [];
  const spacingMs = limit.windowMs / limit.requests;
  let pausedUntil = 0;
  let streak = 0;
  let savedMs = 5 * spacingMs;
  let savedAt = 0;

  function ask(now: number, request: SlotRequest): boolean {
    savedMs = Math.min(5 * spacingMs, savedMs + now - savedAt);
    savedAt = now;
    const me = { process: request.process, rank: request, askedAt: now };
    const others = waiters.filter(
      (one) =>
        now - one.askedAt < 1000 &&
        !(one.process === me.process && one.rank.class === me.rank.class),
    );
    const free = grants.map((one) => latestArrival(one) + limit.windowMs).filter((at) => at >= now);
    const taken = free.length;
    const granted =
      now >= pausedUntil &&
      taken < limit.requests &&
      (!limit.spaced || savedMs >= spacingMs) &&
      nextWaiter([me, ...others], firstClass(limit.spaced, streak)) === me;
    waiters.splice(0, waiters.length, ...others, ...(granted ? [] : [me]));
    if (granted) {
      grants.push({ at: now, answered: undefined });
      // After a burst, what is left of the window is spread until its slots come back, one after the other.
      const spaces = free
        .toSorted((a, b) => a - b)
        .map((at, back) => (at - now) / Math.max(1, limit.requests - taken - 1 + back));
      savedMs -= taken < 4 ? spacingMs : Math.max(spacingMs, ...spaces);
      const bulkWaits = others.some((one) => one.rank.class === 'bulk');
      if (limit.spaced) streak = streakAfter(streak, me.rank.class, bulkWaits);
    }
    return granted;
  }

  function pause(now: number, forMs: number): void {
    pausedUntil = Math.max(pausedUntil, now + forMs);
  }

  return { grants, ask, pause };
}
