import { documentedLimit } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';

/** The earliest second at which the last of so many calls can arrive: each window opens at once. */
function limiterFloor(calls: number): number {
  const { requests, perSeconds } = documentedLimit;
  return Math.floor((calls - 1) / requests) * perSeconds;
}

/** What Optimove's allowance alone would have made of so many calls; no figure where it is never felt. */
export function besideLimiter(
  what: string,
  { seconds, calls }: { seconds: number; calls: number },
): Figure[] {
  const floorSeconds = limiterFloor(calls);
  if (floorSeconds <= 0) {
    console.log('  so few customers never feel the limit: take 200,000 or more');
    return [];
  }
  const beside = `beside the ${floorSeconds} s that ${calls} calls need`;
  return [
    { what: `${what}, ${beside}`, measured: seconds / floorSeconds, atMost: 1.15, unit: '×' },
  ];
}
