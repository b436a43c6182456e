import type { Times } from '../sandbox/triggered/stopwatch.ts';
import type { Verdict } from '../sandbox/verdict.ts';
import { findCampaign } from '../src/ledger/campaigns.ts';
import { countCampaign } from '../src/ledger/counts.ts';
import { verify } from '../src/ledger/invariants.ts';
import type { Place } from './gate-place.ts';

/** The sandbox's verdict. Throws where it found violations: they make the figures worthless. */
export async function verdictOf(
  { sandbox }: Pick<Place, 'sandbox'>,
  campaignId: string | number,
): Promise<Verdict> {
  const verdict = await sandbox.control<Verdict>('GET', `campaigns/${campaignId}/verdict`);
  // A late answer is what is measured here.
  const wrong = verdict.violations.filter((one) => !one.startsWith('answered late'));
  if (wrong.length > 0) throw new Error(`The sandbox found violations:\n${wrong.join('\n')}`);
  return verdict;
}

/**
 * The verdict on a campaign in which nothing is on its way any more. Throws also where an invariant of the
 * ledger does not hold, or where the two count differently who holds the reward.
 */
export async function judge(
  place: Pick<Place, 'sandbox' | 'ledger'>,
  campaignId: string | number,
): Promise<Verdict> {
  const verdict = await verdictOf(place, campaignId);
  const { tenant } = place.sandbox;
  const campaign = await findCampaign(place.ledger, { tenant, campaignId: String(campaignId) });
  if (!campaign) throw new Error(`Campaign ${campaignId} is not in the ledger`);
  const invariants = await verify(place.ledger, { tenant, campaign: String(campaignId) });
  const broken = invariants.filter(({ violated }) => violated > 0);
  if (broken.length > 0) {
    const lines = broken.map(
      ({ rule, violated, examples }) => `${rule}: ${violated} violated, e.g. ${examples[0]}`,
    );
    throw new Error(`The ledger is not as it must be:\n${lines.join('\n')}`);
  }
  const { allocated = 0 } = (await countCampaign(place.ledger, campaign.ref)).states;
  if (allocated !== verdict.allocated) {
    const counts = `${allocated}, the sandbox ${verdict.allocated}`;
    throw new Error(`Of those who hold the reward the ledger counts ${counts}`);
  }
  return verdict;
}

export function timesText({ p50Ms, p99Ms, p999Ms, maxMs }: Times): string {
  return `p50 ${p50Ms} ms, p99 ${p99Ms} ms, p99.9 ${p999Ms} ms, longest ${maxMs} ms`;
}

/** Prints the processor seconds of each process. */
export function tellProcessor(processor: Record<string, number>): void {
  const spent = Object.entries(processor).map(([name, one]) => `${name} ${one.toFixed(1)}`);
  console.log(`      processor seconds: ${spent.join(', ')}`);
}
