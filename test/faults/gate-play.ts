import { setTimeout as delay } from 'node:timers/promises';
import { isHeard } from '../../sandbox/webhooks.ts';
import { findCampaign } from '../../src/ledger/campaigns.ts';
import { verify } from '../../src/ledger/invariants.ts';
import { until } from '../whole/until.ts';
import type { GatePlan } from './gate-plan.ts';
import { describe, makePeace, strike } from './play.ts';
import { tenant, type World } from './world.ts';

/** Two minutes after a false nothing may be left (and the sandbox judges it); then what is settled last. */
const settlesWithinMs = 240_000;
const senderPatienceMs = 90_000;

/** Fires at both gates while the seed's trouble comes over them, then waits until all is settled. */
export async function playGate(
  world: World,
  plan: GatePlan,
  note: (line: string) => void,
): Promise<string> {
  const { sandbox, gateUrls } = world;
  const campaignId = sandbox.createTriggered(tenant, { ...plan.campaign, gateUrls });
  const fire = sandbox.fireChecks(tenant, campaignId, plan.fire);
  const { cancelAtMs } = plan;
  await Promise.all([
    fire.finished,
    ...plan.incidents.map(async (incident) => {
      await delay(incident.atMs);
      note(describe(incident));
      await strike(world, incident, plan);
    }),
    ...(cancelAtMs === undefined ? [] : [cancel(world, campaignId, cancelAtMs, note)]),
  ]);
  await makePeace(world, plan.hookRules);
  note('everything is up again');
  await gateSettles(world, campaignId);
  note('everything is settled');
  return campaignId;
}

/** Sends event 4 until a gateway has taken it. */
async function cancel(
  { sandbox, hookUrls }: World,
  campaignId: string,
  atMs: number,
  note: (line: string) => void,
): Promise<void> {
  await delay(atMs);
  let attempt = 0;
  await until(
    `a gateway takes event 4 of campaign ${campaignId}`,
    async () => {
      const hookUrl = hookUrls[attempt++ % hookUrls.length];
      const deliveries = await sandbox.cancel(tenant, campaignId, hookUrl ? { hookUrl } : {});
      return deliveries.some(isHeard);
    },
    senderPatienceMs,
  );
  note(`event 4 was taken, at attempt ${attempt}`);
}

/** Waits until every check has its answer in the ledger, and nothing of any pool is left to be done. */
async function gateSettles(world: World, campaignId: string): Promise<void> {
  let left: string[] = [];
  const isSettled = async (): Promise<boolean> => {
    left = await unsettledOf(world, campaignId);
    return left.length === 0;
  };
  try {
    await until('the gate settles', isSettled, settlesWithinMs);
  } catch (error) {
    if (left.length === 0) throw error;
    throw new Error(`not settled within ${settlesWithinMs / 1_000} s: ${left.join('; ')}`);
  }
}

async function unsettledOf({ pool }: World, campaignId: string): Promise<string[]> {
  const campaign = await findCampaign(pool, { tenant, campaignId });
  if (!campaign) return ['the campaign is not in the ledger'];
  const counted = await pool.query<{ answers: number; pools: number; effects: number }>(
    `select (select count(*)::int from answer where campaign = $1 and answer is null) as answers,
       (select count(*)::int from batch where campaign = $1 and not finished) as pools,
       (select count(*)::int from effect where campaign = $1 and outcome is null) as effects`,
    [campaign.ref],
  );
  const [{ answers, pools, effects } = { answers: 0, pools: 0, effects: 0 }] = counted.rows;
  // Pools of a canceled campaign stay as they are: its cancellation takes back whatever they gave.
  const isDeleted = campaign.fence === 'deleted';
  const left: string[] = [];
  if (answers > 0) left.push(`${answers} checks have no answer`);
  if (pools > 0 && !isDeleted) left.push(`${pools} pools are not finished`);
  if (effects > 0) left.push(`${effects} effects are open`);
  if (isDeleted && campaign.phase !== 'closed') left.push('it is deleted and not taken back');
  return left;
}

/** Everything that is wrong with a gate that has settled, in words. Nothing is the only pass. */
export async function judgeGate(
  { pool, sandbox }: World,
  campaignId: string,
  plan: GatePlan,
): Promise<string[]> {
  const invariants = await verify(pool, { tenant });
  const wrong = invariants
    .filter(({ violated }) => violated > 0)
    .map(({ rule, violated, examples }) => `ledger: ${rule}: ${violated}, e.g. ${examples[0]}`);
  const books = sandbox.verdict(tenant, campaignId);
  wrong.push(...books.violations.slice(0, 20).map((one) => `books: ${one}`));
  const { triggered } = books;
  const campaign = await findCampaign(pool, { tenant, campaignId });
  if (!triggered || !campaign) return [...wrong, 'the campaign is not in the ledger'];
  const counted = await pool.query<{ allowed: number; allocated: number }>(
    `select (select count(*)::int from answer where campaign = $1 and answer) as allowed,
       (select count(*)::int from member where campaign = $1 and state = 'allocated') as allocated`,
    [campaign.ref],
  );
  const [{ allowed, allocated } = { allowed: 0, allocated: 0 }] = counted.rows;
  const say = (what: string, ours: number, theirs: number) =>
    wrong.push(`${what}: the ledger counts ${ours}, the other side ${theirs}`);
  // A true whose gateway died before it could be told is in the ledger alone.
  if (triggered.instancesAllowed > allowed) say('allowed', allowed, triggered.instancesAllowed);
  if (allocated !== books.allocated) say('allocated', allocated, books.allocated);
  if (triggered.deniedStillHeld > 0) {
    wrong.push(`${triggered.deniedStillHeld} hold what they were denied, though all is settled`);
  }
  if (books.http429 > 0) wrong.push(`the limit was exceeded: ${books.http429} answers 429`);
  if (plan.cancelAtMs !== undefined && books.allocated > 0) {
    wrong.push(`${books.allocated} are left after event 4`);
  }
  if (triggered.checks.allowed === 0 && plan.cancelAtMs === undefined) {
    wrong.push('nobody was allowed: nothing was tested');
  }
  return wrong;
}
