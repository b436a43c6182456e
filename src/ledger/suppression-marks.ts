import type pg from 'pg';
import { clearances, states, transition } from '../domain/assignment.ts';
import type { RevocationReason } from '../domain/words.ts';
import { readBatch } from './columns.ts';
import type { Member } from './packing.ts';
import { type Connection, transaction } from './pool.ts';
import { positionsOf } from './positions.ts';
import { onlyRow } from './tenants.ts';
import type { Debt } from './unsettled.ts';

// A suppression reaches a campaign under way by a mark on each of the customer's members: an appended
// change with this reason. Any body that was built before it is stale, so nothing begins without it.

const suppressedReason: RevocationReason = 'suppressed';

/** Whether a member was suppressed while its campaign was under way: it is never approved. */
export function isMarkedSuppressed(member: Pick<Member, 'reason'>): boolean {
  return member.reason === suppressedReason;
}

/** Suppressions looked for in one go; what is left is for the next. */
const mostAtOnce = 10_000;

/** A campaign in which a suppression still changes something. */
const isUnderWay = `c.fence is null and c.collected_at is not null
  and (c.phase <> 'closed' or c.last_report > clock_timestamp())`;

/**
 * Looks for suppressed customers in the campaigns under way and marks them there. Repeatable; every
 * suppression is looked for after it was committed, so that a screen which missed it is found. Returns
 * how many batches have something to settle.
 */
export async function spreadSuppressions(pool: pg.Pool, tenant: string): Promise<number> {
  let owing = 0;
  for (;;) {
    const unspread = await pool.query<{ customer: string }>(
      `select s.customer from suppression s join tenant t on t.ref = s.tenant
       where t.name = $1 and not s.spread order by s.customer limit $2`,
      [tenant, mostAtOnce],
    );
    const customers = unspread.rows.map((row) => row.customer);
    if (customers.length === 0) return owing;
    for (const batch of await batchesWith(pool, tenant, customers)) {
      if (await markBatch(pool, batch, new Set(customers))) owing += 1;
    }
    await pool.query(
      `update suppression s set spread = true from tenant t
       where t.ref = s.tenant and t.name = $1 and s.customer = any ($2)`,
      [tenant, customers],
    );
  }
}

async function batchesWith(pool: pg.Pool, tenant: string, customers: string[]): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select distinct a.campaign, a.batch as number
     from tenant t join campaign c on c.tenant = t.ref and ${isUnderWay}
     cross join unnest($2::text[]) s(customer)
     join assignment a on a.campaign = c.ref and a.customer = md5(s.customer)::uuid
     where t.name = $1 order by 1, 2`,
    [tenant, customers],
  );
  return found.rows;
}

/** Marks these customers' members of one batch. True when something is to be taken back, or told. */
async function markBatch(
  pool: pg.Pool,
  batch: Debt,
  customers: ReadonlySet<string>,
): Promise<boolean> {
  return transaction(pool, async (connection) => {
    const { members, onWire } = await lockBatch(connection, batch);
    const marks: Mark[] = [];
    let owing = false;
    for (const member of members.filter(({ customerId }) => customers.has(customerId))) {
      const isOnWire = onWire.has(member.position);
      const lapses =
        !isOnWire && !isTold(member) && transition('state', member.state, 'lapsed') !== undefined;
      const owes = isOnWire || isOwed(member);
      if ((lapses || owes) && !isMarkedSuppressed(member)) marks.push(markOf(member, lapses));
      owing ||= owes;
    }
    await append(connection, batch, marks);
    if (owing) await setDue(connection, batch, true);
    return owing;
  });
}

/** What was given, or told true of: it is taken back, and told false while that is possible. */
function isOwed(member: Member): boolean {
  return member.state === 'allocated' || isTold(member);
}

function isTold({ clearance }: Member): boolean {
  return clearance === 'approved' || clearance === 'unknown';
}

interface Mark {
  position: number;
  fact: 'state' | 'clearance';
  value: number;
}

/** Who has been given nothing lapses; of others the fact stays as it is until it was settled. */
function markOf({ position, clearance }: Member, lapses: boolean): Mark {
  return lapses
    ? { position, fact: 'state', value: states.indexOf('lapsed') }
    : { position, fact: 'clearance', value: clearances.indexOf(clearance) };
}

async function append(connection: Connection, batch: Debt, marks: Mark[]): Promise<void> {
  if (marks.length === 0) return;
  await connection.query(
    `insert into change (campaign, batch, position, fact, value, cause, reason)
     select $1, $2, m.position, m.fact, m.value, $4, $4
     from jsonb_to_recordset($3) as m(position int, fact text, value smallint)`,
    [batch.campaign, batch.number, JSON.stringify(marks), suppressedReason],
  );
}

/**
 * Reads a batch under its row's lock, with the members over which an allocation or an approval is
 * unanswered: no further one begins before this transaction ends.
 */
async function lockBatch(
  connection: Connection,
  { campaign, number }: Debt,
): Promise<{ members: Member[]; onWire: Set<number> }> {
  await connection.query(
    'select from batch where campaign = $1 and number = $2 for no key update',
    [campaign, number],
  );
  const row = await readBatch(connection, campaign, number);
  const open = await connection.query<{ members: string }>(
    `select members::text from effect where campaign = $1 and batch = $2 and outcome is null
       and kind in ('allocate', 'approve')`,
    [campaign, number],
  );
  const onWire = new Set(open.rows.flatMap(({ members }) => positionsOf(members)));
  return { members: row?.members ?? [], onWire };
}

/** Batches with marked members to settle; a fenced campaign takes everything back anyway. */
export async function suppressionDebts(pool: pg.Pool, tenant: string): Promise<Debt[]> {
  const found = await pool.query<Debt>(
    `select b.campaign, b.number from batch b
     join campaign c on c.ref = b.campaign join tenant t on t.ref = c.tenant
     where t.name = $1 and b.suppressions_due and c.fence is null and t.halted is null
     order by c.deadline, 1, 2`,
    [tenant],
  );
  return found.rows;
}

/** Whether any suppression of a tenant has not been looked for in the campaigns under way. */
export async function hasUnspread(pool: pg.Pool, tenant: string): Promise<boolean> {
  const found = await pool.query<{ has: boolean }>(
    `select exists (select from suppression s join tenant t on t.ref = s.tenant
       where t.name = $1 and not s.spread) as has`,
    [tenant],
  );
  return onlyRow(found).has;
}

/** Ends the debt of a batch, unless something of it is left: marked meanwhile, or unanswered. */
export async function clearSuppressionsDue(pool: pg.Pool, batch: Debt): Promise<void> {
  await transaction(pool, async (connection) => {
    const { members, onWire } = await lockBatch(connection, batch);
    const canTell = await connection.query<{ yes: boolean }>(
      'select coalesce(last_report > clock_timestamp(), false) as yes from campaign where ref = $1',
      [batch.campaign],
    );
    const { yes } = onlyRow(canTell);
    const isLeft = members
      .filter(isMarkedSuppressed)
      .some(
        (member) =>
          member.state === 'allocated' ||
          (yes && isTold(member)) ||
          (yes && onWire.has(member.position)),
      );
    if (!isLeft) await setDue(connection, batch, false);
  });
}

async function setDue(connection: Connection, batch: Debt, isDue: boolean): Promise<void> {
  await connection.query(
    'update batch set suppressions_due = $3 where campaign = $1 and number = $2',
    [batch.campaign, batch.number, isDue],
  );
}
