import { WorkflowNotFoundError } from '@temporalio/client';
import { findCampaign } from '../../src/ledger/campaigns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { openChannels } from '../../src/ledger/fulfilment-list.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { until } from '../whole/until.ts';
import { tenant, type World } from './world.ts';

/**
 * Once all trouble is over: the last deadline, the whole time of a call that hangs, and the minute
 * after which debts are looked for.
 */
const settlesWithinMs = 240_000;

/**
 * Waits until every campaign is closed, nothing more is to be told or taken back, and no run of it goes
 * on. Fails with what is left when the bound is over first.
 */
export async function campaignsSettle(
  world: World,
  campaigns: readonly { campaignId: string }[],
): Promise<void> {
  let left: string[] = [];
  try {
    await until(
      'all campaigns settle',
      async () => {
        const all = await Promise.all(
          campaigns.map(({ campaignId }) => unsettledOf(world, campaignId)),
        );
        left = all.flat();
        return left.length === 0;
      },
      settlesWithinMs,
    );
  } catch (error) {
    if (left.length === 0) throw error;
    throw new Error(`not settled within ${settlesWithinMs / 1_000} s: ${left.join('; ')}`);
  }
}

/** What a campaign still has before it, in words; nothing when it has come to its end. */
async function unsettledOf({ pool, client }: World, campaignId: string): Promise<string[]> {
  const say = (what: string) => [`campaign ${campaignId} ${what}`];
  const campaign = await findCampaign(pool, { tenant, campaignId });
  if (!campaign) return say('is not in the ledger');
  const due = await pool.query("select from inbox where status = 'due'");
  if (due.rowCount !== 0) return say('may have webhooks that were not relayed');
  for (const story of ['campaign', 'cancellation'] as const) {
    const run = client.workflow.getHandle(workflowId[story]({ tenant, campaignId }));
    if (await isRunning(run)) return say(`has its ${story} still running`);
  }
  const channels = campaign.fence ? [] : await openChannels(pool, campaign.ref);
  if (channels.length > 0) return say(`has fulfilments open: ${channels.join(', ')}`);
  if (campaign.phase !== 'closed') return say(`is ${campaign.phase} and has no run`);
  if (campaign.fence === 'deleted' && campaign.summary?.reason !== 'deleted') {
    return say('was deleted and is not taken back');
  }
  const { redemptions } = await countCampaign(pool, campaign.ref);
  return redemptions['queued'] ? say(`has ${redemptions['queued']} redemptions to tell`) : [];
}

export async function isRunning(run: {
  describe(): Promise<{ status: { name: string } }>;
}): Promise<boolean> {
  try {
    return (await run.describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
