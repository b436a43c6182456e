import { setTimeout as delay } from 'node:timers/promises';
import { judge, type Result } from './judgement.ts';
import { type Product, type Reading, tenant } from './product.ts';
import { createScreen } from './screen.ts';

/** When a campaign is deleted: before its event 5 has come, while it runs, or after its last report. */
export const cancelMoments = ['before', 'during', 'after'] as const;
export type CancelMoment = (typeof cancelMoments)[number];

const deadlineInSeconds = 30 * 60;

const lookEveryMs = 20;

/** Runs a managed campaign that Optimove deletes, and lets both sides' books judge what is left of it. */
export async function runCanceled(
  moment: CancelMoment,
  wishes: { customers: number; json: boolean },
  product: Product,
): Promise<Result> {
  const { sandbox } = product;
  const { customers } = wishes;
  const screen = createScreen(wishes.json);
  const campaignId = sandbox.createCampaign(tenant, {
    ...{ customers, deadlineInSeconds, hookUrl: product.hookUrl },
  });
  screen.announce(campaignId, { customers, deadline: `in 30 minutes, deleted ${moment}` }, product);
  const read = () => product.read(campaignId);
  if (moment === 'before') await sandbox.cancel(tenant, campaignId);
  await sandbox.announce(tenant, campaignId);
  if (moment === 'during') {
    await until(read, ({ counts }) => (counts.states['allocated'] ?? 0) >= customers / 4);
    await sandbox.cancel(tenant, campaignId);
  }
  if (moment === 'after') {
    await screen.follow(read);
    await sandbox.cancel(tenant, campaignId);
  }
  await screen.follow(async () => {
    const now = await read();
    return now?.summary?.['reason'] === 'deleted' ? now : now && { ...now, phase: 'revoking' };
  });
  const result = await judge(product, campaignId);
  screen.show(result);
  return result;
}

async function until(
  read: () => Promise<Reading | undefined>,
  isReached: (now: Reading) => boolean,
): Promise<void> {
  for (;;) {
    const now = await read();
    if (now && (isReached(now) || now.phase === 'closed')) return;
    await delay(lookEveryMs);
  }
}
