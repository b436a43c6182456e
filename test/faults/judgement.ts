import type pg from 'pg';
import { type CampaignRow, findCampaign } from '../../src/ledger/campaigns.ts';
import { countCampaign } from '../../src/ledger/counts.ts';
import { verify } from '../../src/ledger/invariants.ts';
import type { Played } from './play.ts';
import { tenant, type World } from './world.ts';

/**
 * Everything that is wrong with a world that has settled, in words: the ledger's invariants, the
 * sandbox's own books, and what both count. Nothing is the only pass.
 */
export async function judge(world: World, campaigns: readonly Played[]): Promise<string[]> {
  const { pool, sandbox } = world;
  const invariants = await verify(pool, { tenant });
  const wrong = invariants
    .filter(({ violated }) => violated > 0)
    .map(({ rule, violated, examples }) => `ledger: ${rule}: ${violated}, e.g. ${examples[0]}`);
  const { http429 } = sandbox.traffic(tenant);
  if (http429 > 0) wrong.push(`the limit was exceeded: ${http429} calls were answered 429`);
  for (const campaign of campaigns) wrong.push(...(await judgeCampaign(world, campaign)));
  return wrong;
}

async function judgeCampaign(
  { pool, sandbox }: World,
  { campaignId, plan }: Played,
): Promise<string[]> {
  const books = sandbox.verdict(tenant, campaignId);
  const say = (what: string) => `campaign ${campaignId}: ${what}`;
  const wrong = books.violations.slice(0, 20).map((one) => `books: ${one}`);
  const campaign = await findCampaign(pool, { tenant, campaignId });
  if (!campaign) return [...wrong, say('it is not in the ledger')];
  const counts = await countCampaign(pool, campaign.ref);
  const { states, redemptions } = counts;
  const deleted = plan.cancelAt !== undefined;

  const isManaged = plan.flow === undefined || plan.flow === 'managed';
  const heard = isManaged ? books.approved - counts.approvedCustomers : 0;
  if (heard < 0 || heard > counts.unknownCustomers) {
    wrong.push(
      say(
        `the ledger counts ${counts.approvedCustomers} approved and ${counts.unknownCustomers} ` +
          `unknown, Optimove ${books.approved}`,
      ),
    );
  }
  const compare = (what: string, ours: number, theirs: number, mayBeLess: boolean) => {
    if (ours === theirs || (mayBeLess && ours < theirs)) return;
    wrong.push(say(`${what}: the ledger counts ${ours}, the far side ${theirs}`));
  };
  compare('allocated', states['allocated'] ?? 0, books.allocated, false);
  // Whoever was declined unheard is taken back like everybody, when there is no time to ask.
  compare('declined', states['declined'] ?? 0, books.declined, true);
  compare('redeemed', redemptions['told'] ?? 0, books.redeemed, deleted);
  // Whoever was asked about, and not sent, is denied without a word to Optimove.
  if (plan.flow === undefined) compare('denied', counts.deniedCustomers, books.denied, true);

  if (deleted && books.allocated > 0) wrong.push(say(`${books.allocated} are left after event 4`));
  const unheard = await countMembers(pool, campaign.ref, { state: 'allocated', told: 'unknown' });
  if (isManaged && books.allocatedNotApproved > unheard) {
    wrong.push(
      say(`${books.allocatedNotApproved} hold something, and only ${unheard} are unknown`),
    );
  }
  const lapsed = states['lapsed'] ?? 0;
  if (!isManaged && !deleted && lapsed > 0) wrong.push(say(`${lapsed} lapsed after it was sent`));
  if (plan.hasTime) wrong.push(...(await judgeLossless(pool, campaign)).map(say));
  return wrong;
}

/** Why somebody may lapse although there was time: nobody would be told of the reward anyway. */
const allowedReasons = ['another_code_was_refused', 'validation_answer_lost'];

/** A campaign with all the time it needs decides everybody, whatever happened to it. */
async function judgeLossless(pool: pg.Pool, { ref, summary }: CampaignRow): Promise<string[]> {
  const wrong: string[] = [];
  if (summary?.reason !== 'decided') wrong.push(`it had time, and ended as ${summary?.reason}`);
  if (summary && summary.unknownCustomers > 0) {
    wrong.push(`it had time, and left ${summary.unknownCustomers} customers unknown`);
  }
  const lost = await pool.query<{ reason: string; count: number }>(
    `select reason, count(*)::int as count from member
     where campaign = $1 and state = 'lapsed' and reason <> all ($2) group by reason`,
    [ref, allowedReasons],
  );
  for (const { reason, count } of lost.rows)
    wrong.push(`it had time, and ${count} lapsed: ${reason}`);
  return wrong;
}

async function countMembers(
  pool: pg.Pool,
  ref: number,
  of: { state: string; told: string },
): Promise<number> {
  const counted = await pool.query<{ count: number }>(
    `select count(*)::int as count from member
     where campaign = $1 and state = $2 and clearance = $3`,
    [ref, of.state, of.told],
  );
  return counted.rows[0]?.count ?? 0;
}
