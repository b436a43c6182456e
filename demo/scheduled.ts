import { judge, type Result } from './judgement.ts';
import { type Product, tenant } from './product.ts';
import { createScreen } from './screen.ts';

/** The deadline of the demo's campaign: as long as Optimove gives by default (guide 003). */
const deadlineInSeconds = 30 * 60;

/** Runs one campaign through the real doors, and lets both sides' books judge it. */
export async function runScheduled(
  wishes: { customers: number; json: boolean },
  product: Product,
): Promise<Result> {
  const { sandbox } = product;
  const screen = createScreen(wishes.json);
  const campaignId = sandbox.createCampaign(tenant, {
    customers: wishes.customers,
    deadlineInSeconds,
    hookUrl: product.hookUrl,
  });
  const { customers } = wishes;
  screen.announce(campaignId, { customers, deadline: 'in 30 minutes' }, product);
  await sandbox.announce(tenant, campaignId);
  await screen.follow(() => product.read(campaignId));
  const result = await judge(product, campaignId);
  screen.show(result);
  return result;
}
