import type { Played } from './campaign-sandbox.ts';
import { deadlineInSeconds } from './campaign-tenant.ts';
import { type Figure, median } from './figure.ts';
import { endOf } from './flows-ledger.ts';
import { type FlowsPlace, withFlows } from './flows-place.ts';
import { announceCampaign, rest, runCampaign } from './gate-place.ts';

/** How often the small campaign is run alone. */
const timesAlone = 3;

/** A tenant's small campaign alone, and beside a large one of another tenant with a key of its own. */
export function benchTenants({ customers }: { customers: number }): Promise<Figure[]> {
  return withFlows({ flow: 'managed', isLimited: false, hasOther: true }, async (place) => {
    const { other } = place;
    if (!other) throw new Error('Nobody plays the other tenant');
    const small = Math.ceil(customers / 100);
    // Code that runs for the first time is not what is measured.
    await runCampaign(place.ledger, place, small);
    await rest();
    const alone: number[] = [];
    for (let time = 0; time < timesAlone; time += 1) {
      alone.push(await runCampaign(place.ledger, place, small));
    }
    await rest();
    const beside = await runBeside(place, other, { small, large: customers });
    const [usual, besides] = [median(alone), median(beside)];
    tell(small, 'alone', alone);
    tell(small, `beside ${customers.toLocaleString('en')} of another tenant`, beside);
    const what = 'tenants: a small campaign beside a large one of another, to itself alone';
    return [{ what, measured: besides / usual, atMost: 3, unit: '×' }];
  });
}

/** Small campaigns, one after another, for as long as the large one runs. */
async function runBeside(
  { ledger, ...place }: FlowsPlace,
  other: Played,
  { small, large }: { small: number; large: number },
): Promise<number[]> {
  const campaignId = await announceCampaign(other, { customers: large, deadlineInSeconds });
  const id = { tenant: other.sandbox.tenant, campaignId };
  const seconds: number[] = [];
  do {
    seconds.push(await runCampaign(ledger, place, small));
  } while ((await endOf(ledger, id)) === undefined);
  return seconds;
}

function tell(customers: number, how: string, seconds: readonly number[]): void {
  const times = seconds.map((one) => one.toFixed(1)).join(', ');
  console.log(`  ${customers.toLocaleString('en')} customers ${how}: ${times} s`);
}
