import { setTimeout as delay } from 'node:timers/promises';
import { Presets, SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { findCampaign } from '../src/ledger/campaigns.ts';
import { verify } from '../src/ledger/invariants.ts';
import { createPool, type Pool } from '../src/ledger/pool.ts';
import { type Product, tenant } from './product.ts';

/** How often customers meet the trigger. */
const perSecond = 200;
const lookEveryMs = 250;

/** What is taken back is so soon after its check; this long is waited for it. */
const settlesWithinMs = 120_000;

/** How the checks went, by the sandbox that asked them. */
export interface TriggeredResult {
  campaignId: string;
  checks: number;
  allowed: number;
  denied: number;
  /** Answered after 2000 ms. */
  late: number;
  p50Ms: number;
  p99Ms: number;
  /** Empty is the only pass. */
  violations: string[];
  sandbox: {
    /** Triggers that both sides hold for one, however often they were asked about. */
    instances: number;
    /** Assignments. */
    allocated: number;
    revoked: number;
    deniedStillHeld: number;
    budgetSpent: Record<string, number>;
    http429: number;
  };
}

/** Lets customers meet a trigger, asks the gate of each as Optimove does, and judges by both sides' books. */
export async function runTriggered(
  { customers, json }: { customers: number; json: boolean },
  product: Product,
): Promise<TriggeredResult> {
  const { sandbox, gateUrl } = product;
  const say = (text: string): void =>
    void (json ? process.stderr : process.stdout).write(`${text}\n`);
  const campaignId = sandbox.createTriggered(tenant, { customers, gateUrls: [gateUrl] });
  say(`\nCampaign ${campaignId}: ${perSecond} checks/s, each to be answered within 2000 ms`);
  say(`  operator API      ${product.url}/docs`);
  say(`  sandbox           ${sandbox.url}\n`);
  const forSeconds = customers / perSecond;
  const fire = sandbox.fireChecks(tenant, campaignId, { perSecond, forSeconds, repeatShare: 0.05 });
  await followChecks(product, campaignId, { finished: fire.finished, forSeconds });
  const pool = createPool(product.databaseUrl, 2);
  try {
    const result = await judgeChecks(pool, product, campaignId);
    show(result, say);
    return result;
  } finally {
    await pool.end();
  }
}

/** The live line, until every check has its answer. */
async function followChecks(
  { sandbox }: Product,
  campaignId: string,
  { finished, forSeconds }: { finished: Promise<void>; forSeconds: number },
): Promise<void> {
  const facts = '{rate}/s | p50 {p50} ms | p99 {p99} ms | allowed {allowed} | denied {denied}';
  const format = `  {bar} ${facts} | late {late}`;
  const bar = new SingleBar(
    { format, barsize: 20, stream: process.stderr },
    Presets.shades_classic,
  );
  const look = { isOver: false };
  const over = finished.finally(() => {
    look.isOver = true;
  });
  const startedAt = performance.now();
  bar.start(forSeconds, 0, { rate: 0, p50: 0, p99: 0, allowed: 0, denied: 0, late: 0 });
  while (!look.isOver) {
    await Promise.race([over, delay(lookEveryMs)]);
    const { checks, p50Ms, p99Ms, allowed, denied, late } = sandbox.checks(tenant, campaignId);
    const seconds = Math.min(forSeconds, (performance.now() - startedAt) / 1_000);
    const rate = Math.round(checks / seconds);
    const [p50, p99] = [Math.round(p50Ms), Math.round(p99Ms)];
    bar.update(seconds, { rate, p50, p99, allowed, denied, late });
  }
  bar.stop();
}

/** Holds the ledger's invariants, our counts and the sandbox's books side by side. */
async function judgeChecks(
  pool: Pool,
  { sandbox }: Product,
  campaignId: string,
): Promise<TriggeredResult> {
  const campaign = await findCampaign(pool, { tenant, campaignId });
  if (!campaign) throw new Error(`Campaign ${campaignId} is not in the ledger`);
  const ours = await countSettled(pool, campaign.ref);
  const invariants = await verify(pool, { tenant, campaign: campaignId });
  const { checks, allowed, denied, late, p50Ms, p99Ms } = sandbox.checks(tenant, campaignId);
  const { triggered, ...books } = sandbox.verdict(tenant, campaignId);
  const instances = triggered?.instances ?? 0;
  const theirs = { allowed: triggered?.instancesAllowed ?? 0, allocated: books.allocated };
  return {
    ...{ campaignId, checks, allowed, denied, late, p50Ms, p99Ms },
    violations: [
      ...invariants.flatMap((one) =>
        one.violated > 0 ? [`${one.rule}: ${one.violated} violated, e.g. ${one.examples[0]}`] : [],
      ),
      ...books.violations,
      ...(ours.isSettled ? [] : [`${settlesWithinMs / 1_000} s later, something is still open`]),
      ...differences('allowed', ours.allowed, theirs.allowed),
      ...differences('allocated', ours.allocated, theirs.allocated),
    ],
    sandbox: {
      instances,
      allocated: books.allocated,
      revoked: books.revoked,
      deniedStillHeld: triggered?.deniedStillHeld ?? 0,
      budgetSpent: books.budgetSpent,
      http429: books.http429,
    },
  };
}

interface Counts {
  isSettled: boolean;
  allowed: number;
  allocated: number;
}

/** Counts what the ledger has, once every answer is written and every pool has come to its end. */
async function countSettled(pool: Pool, ref: number): Promise<Counts> {
  for (const giveUpAt = Date.now() + settlesWithinMs; ; await delay(lookEveryMs)) {
    const counted = await pool.query<Counts>(
      `select not exists (select from answer where campaign = $1 and answer is null)
           and not exists (select from batch where campaign = $1 and not finished) as "isSettled",
         (select count(*)::int from answer where campaign = $1 and answer) as allowed,
         (select count(*)::int from member where campaign = $1 and state = 'allocated') as allocated`,
      [ref],
    );
    const [counts] = counted.rows;
    if (counts && (counts.isSettled || Date.now() > giveUpAt)) return counts;
  }
}

function differences(what: string, ours: number, theirs: number): string[] {
  return ours === theirs ? [] : [`${what}: the ledger counts ${ours}, the sandbox ${theirs}`];
}

function show(result: TriggeredResult, say: (text: string) => void): void {
  const { checks, allowed, denied, late, p50Ms, p99Ms, violations, sandbox } = result;
  const table = new Table({ style: { head: [], border: [] } });
  const number = (n: number): string => n.toLocaleString('en');
  table.push(
    ['checks', number(checks)],
    ['triggers', number(sandbox.instances)],
    ['allowed', number(allowed)],
    ['denied', number(denied)],
    ['answered after 2000 ms', number(late)],
    ['p50 · p99', `${p50Ms.toFixed(0)} ms · ${p99Ms.toFixed(0)} ms`],
    ['held by customers', number(sandbox.allocated)],
    ['taken back', number(sandbox.revoked)],
    ['answers 429', number(sandbox.http429)],
  );
  say(table.toString());
  say(
    violations.length === 0
      ? 'Nobody was allowed who holds nothing, and nobody holds what was denied.'
      : `VIOLATIONS\n${violations.map((one) => `  ${one}`).join('\n')}`,
  );
}
