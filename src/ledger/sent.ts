import type pg from 'pg';
import { emptyPages } from './audience.ts';
import { rewrite } from './batches.ts';
import { giveUpEffects } from './effects.ts';
import type { Happening, Member } from './packing.ts';
import { stagingOf } from './pages.ts';
import { transaction } from './pool.ts';
import { positionsOf } from './positions.ts';
import { onlyRow } from './tenants.ts';

// Whom Optimove has really sent a campaign, as its executions tell after event 13.

/** Marks as sent whoever stands on the pages of a fulfilment. Repeatable: the pages are emptied with it. */
export async function markSent(pool: pg.Pool, ref: number, fulfilment: number): Promise<void> {
  const staging = stagingOf(fulfilment);
  await transaction(pool, async (connection) => {
    // The planner takes an unnested page for a handful of rows; a loop over a million of them never ends.
    await connection.query('set local enable_nestloop = off');
    await connection.query(
      `update batch b set sent = coalesce(b.sent, '{}') + f.sent
       from (
         select a.batch, range_agg(int4range(a.position, a.position + 1)) as sent
         from assignment a join (
           select distinct hash from page p cross join lateral unnest(p.hashes) hash
           where p.campaign = $1 and p.sweep between $2 and $3) s on s.hash = a.customer
         where a.campaign = $1 group by a.batch) f
       where b.campaign = $1 and b.number = f.batch`,
      [ref, staging.first, staging.last],
    );
    await emptyPages(connection, ref, staging);
  });
}

/** How far it is known to whom a campaign was sent. */
export interface SentStanding {
  isKnown: boolean;
  /** Channels of the campaign of which nothing was heard yet. */
  missing: string[];
  /** In how long the rest is taken for lost, milliseconds. */
  waitMs: number;
}

/** A channel that has not been told of this long after the first is not waited for any more. */
const channelsWithinMs = 86_400_000;

/**
 * Whether every channel of the campaign has been read, or the rest has had its time. An execution that named
 * no channel was read for all of them.
 */
export async function sentStanding(pool: pg.Pool, ref: number): Promise<SentStanding> {
  const found = await pool.query<{ known: boolean; missing: string[]; waitMs: number }>(
    `select c.sent_known_at is not null as known,
       array(select told.id from jsonb_array_elements_text(coalesce(c.details -> 'channelIds', '[]')) told(id)
         where not exists (select from fulfilment f where f.campaign = c.ref
           and f.channel in (told.id, '') and f.collected_at is not null)) as missing,
       ceil(greatest(0, extract(epoch from (select min(f.recorded_at) from fulfilment f
         where f.campaign = c.ref) - clock_timestamp()) * 1000 + $2))::float8 as "waitMs"
     from campaign c where c.ref = $1`,
    [ref, channelsWithinMs],
  );
  const { known, missing, waitMs } = onlyRow(found);
  return { isKnown: known, missing, waitMs };
}

/** What the executions of a campaign have shown. */
export interface SentSettled {
  /** Assignments that are approved and held, and were not sent. */
  notSent: number;
  /** False where Optimove names nobody at all: then its list is doubted, not the customers. */
  isAnybodySent: boolean;
}

/**
 * Settles what only the executions show: an approval whose answer was lost was heard if its customer was
 * sent the campaign. Where nobody was sent, nothing is settled: all of them wait for a person.
 */
export async function settleSent(pool: pg.Pool, ref: number): Promise<SentSettled> {
  const found = await pool.query<{ number: number; sent: boolean }>(
    'select number, sent is not null as sent from batch where campaign = $1 order by number',
    [ref],
  );
  const isAnybodySent = found.rows.some(({ sent }) => sent);
  let notSent = 0;
  for (const { number } of found.rows) {
    const sent = await sentIn(pool, ref, number);
    await rewrite(pool, { campaign: ref, number }, (members) => {
      notSent += members.filter((member) => isNotSent(member, sent)).length;
      return isAnybodySent ? members.flatMap((member) => heard(member, sent)) : [];
    });
  }
  if (isAnybodySent) {
    const why = 'its executions show who was sent';
    await giveUpEffects(pool, ref, why, { kinds: ['approve', 'deny'] });
  }
  await pool.query(
    `update campaign set not_sent = $2,
       sent_known_at = case when $3 then coalesce(sent_known_at, clock_timestamp()) end
     where ref = $1`,
    [ref, notSent, isAnybodySent],
  );
  return { notSent, isAnybodySent };
}

function heard({ clearance, position }: Member, sent: ReadonlySet<number>): Happening[] {
  if (clearance !== 'unknown') return [];
  return [{ position, clearance: sent.has(position) ? 'told_true' : 'told_false' }];
}

function isNotSent({ state, clearance, position }: Member, sent: ReadonlySet<number>): boolean {
  return clearance === 'approved' && state === 'allocated' && !sent.has(position);
}

async function sentIn(pool: pg.Pool, ref: number, number: number): Promise<ReadonlySet<number>> {
  const found = await pool.query<{ sent: string | null }>(
    'select sent::text as sent from batch where campaign = $1 and number = $2',
    [ref, number],
  );
  return new Set(positionsOf(onlyRow(found).sent ?? ''));
}
