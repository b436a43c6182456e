import { setTimeout as delay } from 'node:timers/promises';
import { judge, type Result } from './judgement.ts';
import { type Product, tenant } from './product.ts';
import { createScreen } from './screen.ts';

/** Flows of which something follows once Optimove has sent the campaign. */
export type ExecutedFlow = 'publisher' | 'automatic' | 'executions';

/** The deadline of a campaign that waits for a clearance: as long as Optimove gives by default (guide 003). */
const deadlineInSeconds = 30 * 60;

/** Two channels: whoever is reached by both has the reward once. */
const channels = [504, 505];

const lookEveryMs = 250;

/** What the tenant file says of each flow. */
export function executedSection(flow: ExecutedFlow, urls: { publisher: string }) {
  const redeemEveryMinutes = 0;
  switch (flow) {
    case 'publisher':
      return {
        publisher: { baseUrl: urls.publisher, apiKey: 'sandbox-publisher-key' },
        scheduled: { conditional: 'publisher', redeemEveryMinutes },
      };
    case 'automatic':
      return { scheduled: { conditional: 'off', executed: 'assignments', redeemEveryMinutes } };
    case 'executions':
      return {
        promotions: undefined,
        scheduled: { conditional: 'off', executed: 'executions', redeemEveryMinutes },
      };
  }
}

/** Runs one campaign through its execution, and lets both sides' books judge what followed on it. */
export async function runExecuted(
  flow: ExecutedFlow,
  wishes: { customers: number; json: boolean },
  product: Product,
): Promise<Result> {
  const { sandbox } = product;
  const { customers } = wishes;
  const screen = createScreen(wishes.json);
  const campaignId = sandbox.createCampaign(tenant, {
    ...{ customers, flow, channels, deadlineInSeconds, hookUrl: product.hookUrl },
  });
  const deadline = flow === 'publisher' ? 'in 30 minutes' : 'none: Optimove sends it now';
  screen.announce(campaignId, { customers, deadline }, product);
  if (flow === 'publisher') {
    await sandbox.announce(tenant, campaignId);
    await screen.follow(() => product.read(campaignId));
    await publisherHasWorked(product, campaignId);
  }
  await sandbox.execute(tenant, campaignId);
  await screen.follow(async () => {
    const now = await product.read(campaignId);
    return now?.summary?.['reason'] === 'given' ? now : now && { ...now, phase: 'executed' };
  });
  const result = await judge(product, campaignId, false);
  screen.show(result);
  return result;
}

/** It answers before it has worked on a batch; whoever it has decided of is approved or not. */
async function publisherHasWorked({ sandbox }: Product, campaignId: string): Promise<void> {
  let before = -1;
  for (;;) {
    const { validated, refused } = sandbox.verdict(tenant, campaignId);
    if (validated + refused === before) return;
    before = validated + refused;
    await delay(4 * lookEveryMs);
  }
}
