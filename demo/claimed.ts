import { setTimeout as delay } from 'node:timers/promises';
import { Presets, SingleBar } from 'cli-progress';
import { type ClaimedResult, judgeClaims, settled, showClaims } from './claim-judgement.ts';
import { type Product, tenant } from './product.ts';
import { createScreen } from './screen.ts';

/** How often somebody claims, and what part of the audience comes. */
const perSecond = 500;
const claimingShare = 0.25;
const codes = ['SPRING25'];

/** A second, small campaign without duration: it is over at its execution, and its customers come late. */
const lateCustomers = 200;
const lateClaims = { perSecond: 50, forSeconds: 1 };

const lookEveryMs = 250;

/** Execution follows the deadline at once, and nothing is held back for lost reports: it is a demo. */
export const claimedSection = {
  scheduled: {
    activation: 'claimed',
    executionDelayMinutes: 0,
    clearanceMarginSeconds: 5,
    redeemEveryMinutes: 0,
  },
};

/**
 * Runs a campaign whose screened audience is approved without a reward, lets the sandbox's shop claim for a
 * part of it after the execution, and judges by both sides' books.
 */
export async function runClaimed(
  { customers, json }: { customers: number; json: boolean },
  product: Product,
): Promise<ClaimedResult> {
  const { sandbox } = product;
  const say = (text: string): void =>
    void (json ? process.stderr : process.stdout).write(`${text}\n`);
  const screen = createScreen(json);
  const deadlineInSeconds = Math.ceil(20 + customers / 4_000);
  const common = {
    activation: 'claimed',
    ...{ codes, executionDelayMinutes: 0, deadlineInSeconds, hookUrl: product.hookUrl },
  } as const;
  const campaignId = sandbox.createCampaign(tenant, { ...common, customers });
  const lateId = sandbox.createCampaign(tenant, {
    ...common,
    ...{ customers: lateCustomers, durationDays: 0 },
  });
  screen.announce(campaignId, { customers, deadline: `in ${deadlineInSeconds} seconds` }, product);
  for (const id of [campaignId, lateId]) await sandbox.announce(tenant, id);
  // Whoever passed the screen is done: the rest is the customer's own.
  await screen.follow(() => product.read(campaignId), ['targeted']);
  await waitForExecution(product, [campaignId, lateId], say);
  await claim(product, { campaignId, lateId, seconds: (customers * claimingShare) / perSecond });
  const isSettled = await settled(product, campaignId);
  const result = await judgeClaims(product, { campaignId, lateId, isSettled });
  screen.show(result);
  showClaims(result, say);
  return result;
}

/** Claims open with the execution, and the last campaign's deadline is the execution here. */
async function waitForExecution(
  { sandbox }: Product,
  ids: readonly string[],
  say: (text: string) => void,
): Promise<void> {
  const deadlines = ids.map((id) => Date.parse(sandbox.verdict(tenant, id).deadline ?? ''));
  const opensAt = Math.max(...deadlines) + 1_000;
  say(`  claims open in ${Math.max(0, Math.ceil((opensAt - Date.now()) / 1_000))} s`);
  while (Date.now() < opensAt) await delay(opensAt - Date.now());
}

/** The shop claims, with a live line until every claim has its answer. */
async function claim(
  { sandbox, claimsUrl, shopKey }: Product,
  { campaignId, lateId, seconds }: { campaignId: string; lateId: string; seconds: number },
): Promise<void> {
  const door = { claimsUrl, apiKey: shopKey };
  const fires = [
    sandbox.fireClaims(tenant, campaignId, {
      ...{ ...door, perSecond, forSeconds: seconds, strangerShare: 0.02 },
      ...{ doubleShare: 0.1, otherClaimShare: 0.05, doubleAfterMs: 20 },
    }),
    sandbox.fireClaims(tenant, lateId, { ...door, ...lateClaims }),
  ];
  const look = { isOver: false };
  const over = Promise.all(fires.map(({ finished }) => finished)).finally(() => {
    look.isOver = true;
  });
  const facts = '{rate}/s | p50 {p50} ms | p99 {p99} ms | given {given} | refused {refused}';
  const format = `  {bar} ${facts} | busy {busy}`;
  const bar = new SingleBar(
    { format, barsize: 20, stream: process.stderr },
    Presets.shades_classic,
  );
  const startedAt = performance.now();
  bar.start(seconds, 0, { rate: 0, p50: 0, p99: 0, given: 0, refused: 0, busy: 0 });
  while (!look.isOver) {
    await Promise.race([over, delay(lookEveryMs)]);
    const now = sandbox.claims(tenant, campaignId);
    const elapsed = Math.min(seconds, (performance.now() - startedAt) / 1_000);
    const [p50, p99] = [Math.round(now.p50Ms), Math.round(now.p99Ms)];
    const { customersGranted: given, refused, busy } = now;
    bar.update(elapsed, { rate: Math.round(now.claims / elapsed), p50, p99, given, refused, busy });
  }
  bar.stop();
  await over;
}
