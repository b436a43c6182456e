import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimMeasures } from '../sandbox/triggered/claim-books.ts';
import type { Verdict } from '../sandbox/verdict.ts';
import { watchProcessors } from './campaign-run.ts';
import type { Figure } from './figure.ts';
import { customersFor, type Shots } from './gate-fire.ts';
import { judge, tellProcessor, timesText, verdictOf } from './gate-judgement.ts';
import { announceCampaign, type Place, rest, until, withPlace } from './gate-place.ts';

/** Customers a second who claim for the first time. */
const usual = 500;

/** Of them so many click twice, and come on top: a second click is answered from the first. */
const doubleShare = 0.1;
const doubleAfterMs = 20;

/** Claims open with the execution, and the deadline is the execution here. */
const section = {
  scheduled: {
    ...{ activation: 'claimed', executionDelayMinutes: 0, clearanceMarginSeconds: 5 },
    redeemEveryMinutes: 1_440,
  },
};

/** A claim is confirmed to Optimove within 30 s; only what was lost comes to more. */
const confirmedWithinMs = 90_000;

/** The shop claims for a scheduled campaign, open-loop, under Optimove's own limit, one key and one code. */
export function benchClaims(seconds: number, profile: string | undefined): Promise<Figure[]> {
  return withPlace({ isLimited: true, profile, section }, async (place) => {
    const warm = { perSecond: 200, seconds: 2 };
    const shots = { perSecond: usual, seconds };
    const [warmUp, campaignId] = await Promise.all([
      openClaims(place, warm),
      openClaims(place, shots),
    ]);
    await fireClaims(place, warmUp, warm);
    await settled(place, warmUp);
    await rest();
    const spent = watchProcessors(place.pids);
    const measures = await fireClaims(place, campaignId, shots);
    tellClaims(measures, spent());
    const { http429 } = await settled(place, campaignId);
    const { p99Ms } = measures;
    return [
      {
        what: `p99 at ${usual} claims/s with the limit on`,
        measured: p99Ms,
        atMost: 900,
        unit: 'ms',
      },
      {
        what: 'claims answered without the reward',
        measured: withoutReward(measures),
        atMost: 0,
        unit: '',
      },
      { what: 'answers 429, with claims', measured: http429, atMost: 0, unit: '' },
    ];
  });
}

/** Runs a campaign with customers enough for these shots, until all are approved and may claim. */
async function openClaims(place: Place, shots: Shots): Promise<string> {
  const customers = customersFor(shots);
  const campaignId = await announceCampaign(place, {
    ...{ customers, codes: ['SPRING25'], activation: 'claimed', executionDelayMinutes: 0 },
    // Whoever claims is to be given: a refusal costs no allocation.
    ...{ deniedShare: 0, declinedShare: 0, noTierShare: 0 },
    deadlineInSeconds: Math.ceil(20 + customers / 4_000),
  });
  const { deadline = '' } = await verdictOf(place, campaignId);
  await delay(Date.parse(deadline) + 1_000 - Date.now());
  const { approved } = await verdictOf(place, campaignId);
  if (approved < customers) throw new Error(`Of ${customers} only ${approved} may claim`);
  return campaignId;
}

/** Fires claims, and waits for the last answer. */
function fireClaims(
  { sandbox, claimsUrl, shopKey }: Place,
  campaignId: string,
  { perSecond, seconds }: Shots,
): Promise<ClaimMeasures> {
  return sandbox.control('POST', `campaigns/${campaignId}/claims`, {
    ...{ claimsUrl, apiKey: shopKey, perSecond: perSecond * (1 + doubleShare) },
    ...{ forSeconds: seconds, doubleShare, doubleAfterMs },
    // Busy is no answer that may be asked for again here: the second one would look quick.
    ...{ busyRetries: 0, wait: true },
  });
}

/** The judgement, once everybody who holds the reward is confirmed to Optimove. */
async function settled(place: Place, campaignId: string): Promise<Verdict> {
  await until('not all who claimed are confirmed', confirmedWithinMs, async () => {
    const { allocated, claims } = await verdictOf(place, campaignId);
    return allocated === claims?.customersConfirmed;
  });
  return judge(place, campaignId);
}

function withoutReward({ claims, granted, alreadyGranted }: ClaimMeasures): number {
  return claims - granted - alreadyGranted;
}

function tellClaims(measures: ClaimMeasures, processor: Record<string, number>): void {
  const { claims, doubles, customersGranted, busy, reasons } = measures;
  const why = [...Object.entries(reasons), ['busy', busy] as const].flatMap(([reason, count]) =>
    count > 0 ? [`, ${reason} ${count}`] : [],
  );
  console.log(
    `  ${usual}/s, claims, limit on: ${claims} claims (${doubles} of them second clicks), ` +
      `${timesText(measures)}; given to ${customersGranted}${why.join('')}`,
  );
  tellProcessor(processor);
}
