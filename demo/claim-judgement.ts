import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { judge, type Result } from './judgement.ts';
import { type Product, tenant } from './product.ts';

const lookEveryMs = 250;

/** Confirmations and redemptions follow the claims; this long is waited for them. */
const settlesWithinMs = 150_000;

/** How the campaign went, and how its claims did, by the sandbox's shop that sent them. */
export interface ClaimedResult extends Result {
  claims: {
    /** Claims sent, with double clicks and what was sent again because the door was busy. */
    sent: number;
    doubles: number;
    granted: number;
    alreadyGranted: number;
    /** By the reason that was told. */
    refused: Record<string, number>;
    busy: number;
    p50Ms: number;
    p99Ms: number;
    customersGranted: number;
    customersConfirmed: number;
  };
  /** The campaign that was over when its customers came. */
  afterTheEnd: { campaignId: string; sent: number; refused: Record<string, number> };
}

/** Whether everybody who holds a reward is confirmed to Optimove and redeemed, within the time for it. */
export async function settled({ read, sandbox }: Product, campaignId: string): Promise<boolean> {
  for (const giveUpAt = Date.now() + settlesWithinMs; Date.now() < giveUpAt; ) {
    const counts = (await read(campaignId))?.counts;
    const { allocated: held = 0, validated: onTheirWay = 0 } = counts?.states ?? {};
    const { told = 0 } = counts?.redemptions ?? {};
    const { customersConfirmed } = sandbox.claims(tenant, campaignId);
    if (counts && onTheirWay === 0 && told === held && customersConfirmed === held) return true;
    await delay(lookEveryMs);
  }
  return false;
}

/** Holds our counts and the sandbox's books side by side, those of its shop among them. */
export async function judgeClaims(
  product: Product,
  { campaignId, lateId, isSettled }: { campaignId: string; lateId: string; isSettled: boolean },
): Promise<ClaimedResult> {
  const { sandbox } = product;
  const result = await judge(product, campaignId);
  const late = await judge(product, lateId);
  const claims = sandbox.claims(tenant, campaignId);
  const lateOnes = sandbox.claims(tenant, lateId);
  const { customersGranted, customersConfirmed } = claims;
  const failed = claims.malformed + claims.unanswered + claims.connectionFailures;
  const granted = lateOnes.granted + lateOnes.alreadyGranted;
  return {
    ...result,
    claims: {
      ...{ sent: claims.claims, doubles: claims.doubles, granted: claims.granted },
      ...{ alreadyGranted: claims.alreadyGranted, refused: claims.reasons, busy: claims.busy },
      ...{ p50Ms: claims.p50Ms, p99Ms: claims.p99Ms, customersGranted, customersConfirmed },
    },
    afterTheEnd: { campaignId: lateId, sent: lateOnes.claims, refused: lateOnes.reasons },
    violations: [
      ...result.violations,
      ...late.violations.map((one) => `campaign ${lateId}: ${one}`),
      ...(failed > 0 ? [`${failed} claims had no answer that a shop can use`] : []),
      ...(granted > 0 ? [`${granted} claims were granted after the end`] : []),
      ...(isSettled
        ? []
        : [
            `${settlesWithinMs / 1_000} s later, of ${result.allocated} who hold a reward ` +
              `${customersConfirmed} are confirmed and ${result.redeemed} redeemed`,
          ]),
    ],
  };
}

/** What a person sees of the claims, below the funnel of the campaign. */
export function showClaims(
  { claims, afterTheEnd }: ClaimedResult,
  say: (text: string) => void,
): void {
  const table = new Table({ style: { head: [], border: [] } });
  const number = (n: number): string => n.toLocaleString('en');
  const inWords = (reasons: Record<string, number>): string =>
    Object.entries(reasons)
      .map(([reason, count]) => `${reason} ${number(count)}`)
      .join(', ');
  table.push(
    ['claims, double clicks among them', `${number(claims.sent)}, ${number(claims.doubles)}`],
    ['customers given', number(claims.customersGranted)],
    ['confirmed to Optimove', number(claims.customersConfirmed)],
    ['refused', inWords(claims.refused)],
    ['busy', number(claims.busy)],
    ['p50 · p99', `${claims.p50Ms.toFixed(0)} ms · ${claims.p99Ms.toFixed(0)} ms`],
    ['after the end', `${number(afterTheEnd.sent)} claims: ${inWords(afterTheEnd.refused)}`],
  );
  say(table.toString());
}
