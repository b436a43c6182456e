import type pg from 'pg';
import { clearances, isFinal, states } from '../domain/assignment.ts';
import type { RevocationReason } from '../domain/words.ts';
import {
  draft,
  isRead,
  readBatch,
  saveUnlessWritten,
  type Written,
  writeBatch,
} from './columns.ts';
import { openEffects } from './effects.ts';
import type { Happening, Member } from './packing.ts';
import { transaction } from './pool.ts';
import { positionsOf } from './positions.ts';
import { onlyRow } from './tenants.ts';

/** Writes what our own rules decided, without an outside call. Returns how many members changed. */
export async function record(
  pool: pg.Pool,
  batch: Written,
  happenings: readonly Happening[],
): Promise<number> {
  if (happenings.length === 0) return 0;
  if (isRead(batch)) {
    const drafted = draft(batch, happenings);
    const { values } = drafted;
    const saved = await pool.query({
      name: 'save_unless_written',
      text: saveUnlessWritten,
      values,
    });
    if (saved.rowCount === 1) {
      batch.read = drafted.read;
      return drafted.changed;
    }
  }
  return transaction(pool, (connection) =>
    writeBatch(connection, batch.campaign, batch.number, happenings),
  );
}

/** Rewrites a batch by one rule over its members, read and written under the row's lock. */
export async function rewrite(
  pool: pg.Pool,
  batch: { campaign: number; number: number },
  rule: (members: Member[]) => Happening[],
): Promise<number> {
  return transaction(pool, async (connection) => {
    await connection.query(
      'select from batch where campaign = $1 and number = $2 for no key update',
      [batch.campaign, batch.number],
    );
    const row = await readBatch(connection, batch.campaign, batch.number);
    const happenings = row ? rule(row.members) : [];
    if (happenings.length === 0) return 0;
    return writeBatch(connection, batch.campaign, batch.number, happenings);
  });
}

/** Numbers of the batches whose recipe has not been walked to the end. */
export async function unfinishedBatches(pool: pg.Pool, campaign: number): Promise<number[]> {
  const found = await pool.query<{ number: number }>(
    'select number from batch where campaign = $1 and not finished order by number',
    [campaign],
  );
  return found.rows.map((row) => row.number);
}

/** Whether anybody of a campaign has been awarded anything yet. */
export async function hasRewards(pool: pg.Pool, campaign: number): Promise<boolean> {
  const found = await pool.query<{ has: boolean }>(
    `select exists (select from batch where campaign = $1 and rewards <> '[]') as has`,
    [campaign],
  );
  return onlyRow(found).has;
}

/** How many batches a campaign's audience was cut into; pools of claims are none of them. */
export async function countBatches(pool: pg.Pool, campaign: number): Promise<number> {
  const found = await pool.query<{ count: number }>(
    'select count(*)::int as count from batch where campaign = $1 and claimed_until is null',
    [campaign],
  );
  return onlyRow(found).count;
}

/**
 * The recipe has been walked to the end, and nothing of the batch is unanswered. Only the newest claim
 * may say so: an attempt that was frozen meanwhile knows nothing of what the batch is asked for now.
 */
export async function finishBatch(
  pool: pg.Pool,
  { campaign, number, token }: { campaign: number; number: number; token: number },
): Promise<boolean> {
  const finished = await pool.query({
    name: 'finish_batch',
    text: `update batch b set finished = true
     where campaign = $1 and number = $2 and token = $3 and not exists (
       select from effect e where e.campaign = b.campaign and e.batch = b.number and e.outcome is null)`,
    values: [campaign, number, token],
  });
  return finished.rowCount === 1;
}

/**
 * Writes down which promo codes a batch has yet to validate in this pass: the batches above it, whose
 * codes share a budget, wait for those alone. None: it has left validation, or never comes to it.
 */
export async function setToValidate(
  pool: pg.Pool,
  campaign: number,
  number: number,
  promoCodes: readonly string[],
): Promise<void> {
  await pool.query({
    name: 'set_to_validate',
    text: 'update batch set to_validate = $3 where campaign = $1 and number = $2',
    values: [campaign, number, promoCodes],
  });
}

/** Whether a lower batch of this pass may have yet to validate this code. */
export async function waitsForLower(
  pool: pg.Pool,
  campaign: number,
  number: number,
  promoCode: string,
): Promise<boolean> {
  const found = await pool.query<{ waits: boolean }>({
    name: 'waits_for_lower',
    text: `select exists (select from batch l where l.campaign = $1 and l.number < $2 and not l.finished
       and (l.to_validate is null or $3 = any (l.to_validate))) as waits`,
    values: [campaign, number, promoCode],
  });
  return onlyRow(found).waits;
}

/** What a closing campaign does with members nothing was decided of. */
export async function lapseCampaign(
  pool: pg.Pool,
  campaign: number,
  reason: string,
): Promise<number> {
  const found = await pool.query<{ isClaimable: boolean; isOver: boolean }>(
    `select plan ? 'claims' and fence is null as "isClaimable",
       fence is not null or phase = 'executed' as "isOver" from campaign where ref = $1`,
    [campaign],
  );
  // Who was approved may claim until the rewards end; what the publisher decided comes after event 13.
  const { isClaimable, isOver } = onlyRow(found);
  return rewriteAll(pool, campaign, (members) =>
    members.flatMap((member): Happening[] => {
      // A customer without a code who passed the screen, and was not approved in time.
      const unheard = member.state === 'cleared' && member.clearance === 'none';
      const undecided = member.state === 'published' && isOver;
      if (isFinal(member.state) && !unheard && !undecided) return [];
      if (isClaimable && isTold(member)) return [];
      return [{ position: member.position, state: 'lapsed', reason }];
    }),
  );
}

function isTold({ clearance }: Member): boolean {
  return clearance === 'approved' || clearance === 'unknown';
}

/** What nobody has claimed by the end of a batch's rewards; of claims under way nothing begins any more. */
export async function lapseUnclaimed(
  pool: pg.Pool,
  campaign: number,
  number: number,
): Promise<number> {
  return rewrite(pool, { campaign, number }, (members) =>
    members.flatMap(({ position, state }): Happening[] =>
      isFinal(state) ? [] : [{ position, state: 'lapsed', reason: 'unclaimed' }],
    ),
  );
}

/**
 * What lapsed by the deadline, or by a failure, goes on where it stopped: a later deadline or an
 * operator's retry has given it more time. Repeatable.
 */
export async function reopenCampaign(pool: pg.Pool, campaign: number): Promise<number> {
  const reopened = await rewriteAll(pool, campaign, (members) =>
    members.flatMap((member): Happening[] => {
      if (member.state !== 'lapsed' || !reopenedReasons.includes(member.reason)) return [];
      const state = member.rewards.length > 0 ? 'reopened_rewarded' : 'reopened';
      return [{ position: member.position, state }];
    }),
  );
  await pool.query(
    `update batch b set finished = false, token = token + 1 where campaign = $1 and exists (
       select from fact f where f.campaign = b.campaign and f.batch = b.number and f.state = any ($2))`,
    [campaign, openStates],
  );
  return reopened;
}

const reopenedReasons: (string | undefined)[] = ['deadline', 'failed'];

const openStates = states.flatMap((state, index) => (isFinal(state) ? [] : [index]));

/** Batch after batch, each in a transaction of its own; repeating it finds nothing left to do. */
async function rewriteAll(
  pool: pg.Pool,
  campaign: number,
  rule: (members: Member[]) => Happening[],
): Promise<number> {
  const found = await pool.query<{ number: number }>(
    // A pool of checks that has come to its end stays as it is, and there may be very many of them.
    `select b.number from batch b join campaign c on c.ref = b.campaign
     where b.campaign = $1 and (c.kind = 'scheduled' or not b.finished) order by b.number`,
    [campaign],
  );
  let changed = 0;
  for (const { number } of found.rows) {
    const one = await rewrite(pool, { campaign, number }, rule);
    changed += one;
  }
  return changed;
}

/** Whoever may have been told of the reward keeps it at the deadline. */
const cleared = (['approved', 'unknown', 'delegated'] as const).map((one) =>
  clearances.indexOf(one),
);

/**
 * Numbers of the batches in which a revocation finds something: what is allocated, or may be because
 * an allocation was never answered. For `deadline`, `late` and `expired` the members decide within the batch.
 * What the pools of a triggered campaign gave, and the fulfilments of an executed one, expires batch by batch.
 */
export async function heldBatches(
  pool: pg.Pool,
  campaign: number,
  reason: RevocationReason,
): Promise<number[]> {
  const found = await pool.query<{ number: number }>(
    `select number from batch b where campaign = $1
       and (not $5 or b.expires_at is null or not b.ended and b.expires_at <= clock_timestamp()
         or b.fulfilment is null and exists (select from campaign c where c.ref = $1 and c.kind = 'scheduled'))
       and (exists (select from fact f where f.campaign = b.campaign and f.batch = b.number
         and (f.state = $2 and ($3 or not $7 and f.clearance <> all ($4)) or $5 and f.state = any ($6)
           or f.state = $2 and $7 and (f.clearance = $8 or f.clearance = $9 and exists (
             select from campaign c where c.ref = $1 and c.plan ->> 'notSent' = 'revoke')
             and not coalesce(b.sent, '{}') @> f.position)))
       or exists (select from effect e where e.campaign = b.campaign and e.batch = b.number
         and e.kind in ('allocate', 'restore', 'revoke') and e.outcome is null))
     order by number`,
    [
      campaign,
      states.indexOf('allocated'),
      reason !== 'deadline' && reason !== 'late' && reason !== 'not_sent',
      cleared,
      // Only claims leave anything undecided for so long.
      reason === 'expired',
      openStates,
      reason === 'not_sent',
      clearances.indexOf('denied'),
      clearances.indexOf('approved'),
    ],
  );
  return found.rows.map((row) => row.number);
}

/**
 * Approvals whose answer never came, because their process died with the report on the wire, are
 * unknown: Optimove may have heard them, and its customers may be told of the reward. So may those who were
 * handed over without an answer: what the publisher did of it shows after event 13.
 */
export async function markAwaited(pool: pg.Pool, campaign: number): Promise<void> {
  for (const effect of await openEffects(pool, campaign, { kinds: ['approve'] })) {
    const happenings = positionsOf(String(effect.kept['approved'])).map(
      (position): Happening => ({ position, clearance: 'asked' }),
    );
    await record(pool, { campaign, number: effect.batch }, happenings);
  }
  for (const effect of await openEffects(pool, campaign, { kinds: ['publish'] })) {
    await record(pool, { campaign, number: effect.batch }, handedOver(effect.positions));
  }
}

/** Apart, because a customer without a code has nothing to be awarded, and was cleared by the screen. */
export function handedOver(positions: readonly number[]): Happening[] {
  return positions.flatMap((position): Happening[] => [
    { position, state: 'published' },
    { position, clearance: 'delegated' },
  ]);
}
