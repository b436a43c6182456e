import type pg from 'pg';
import type { Causes, Fact } from '../domain/assignment.ts';
import type { Said } from '../domain/check.ts';
import {
  type Change,
  type Columns,
  columnsAsOpened,
  copyOf,
  type Gifts,
  type Happening,
  lay,
  layIn,
  type Member,
  membersOf,
  moveOf,
  type People,
  rosterOf,
} from './packing.ts';
import type { Connection } from './pool.ts';
import { type Roster, rostersOf } from './rosters.ts';
import { onlyRow } from './tenants.ts';

/** Everything that may change; a writer of facts alone does without what was given. */
interface Standing extends Columns, Gifts {
  version: number;
  changes: Change[];
  said: Said | null;
  starts_at: number | null;
  expires_at: number | null;
  fulfilment: number | null;
  sent: string | null;
}

export interface BatchRow extends Written {
  pass: number;
  token: number;
  /** The last change that these members include. */
  change: number;
  members: Member[];
  /** What the checks of a pool said of their campaign; undefined for a scheduled one. */
  said: Said | undefined;
  /** When what a pool or a fulfilment gives begins and ends, epoch milliseconds; else the campaign has one end for all. */
  startsAt?: number | undefined;
  expiresAt: number | undefined;
  /** By which fulfilment it is walked, once its campaign has been sent. */
  fulfilment?: number | undefined;
  /** Whom of its members Optimove has sent the campaign, a multirange of positions; undefined: not known. */
  sent?: string | undefined;
}

/** A batch as somebody read it, or wrote it last: what the next write can be built on. */
export interface Read {
  readonly version: number;
  readonly change: number;
  readonly columns: Columns & Gifts;
}

/** A batch, with what was read of it where that is known. */
export interface Written {
  campaign: number;
  number: number;
  read?: Read | undefined;
}

const factColumns = `b.pass, b.token, b.folded, b.state, b.clearance, b.redemption, b.reason, b.reasons`;

/** How a batch stands, with the changes not yet folded. */
const standingColumns = `${factColumns}, b.version, b.size, b.reward, b.rewards, b.unique_codes,
  b.said, b.fulfilment, b.sent::text as sent,
  round(extract(epoch from b.starts_at) * 1000)::float8 as starts_at,
  round(extract(epoch from b.expires_at) * 1000)::float8 as expires_at,
  (select coalesce(jsonb_agg(to_jsonb(h) order by h.seq), '[]') from change h
    where h.campaign = b.campaign and h.batch = b.number and h.seq > b.folded) as changes`;

const peopleColumns = 'b.customers, c.codes, b.code, b.action, b.instance';

/** Reads a batch with the changes not yet folded laid over. Undefined where there is none. */
export async function readBatch(
  connection: Connection | pg.Pool,
  campaign: number,
  number: number,
): Promise<BatchRow | undefined> {
  const found = await connection.query<Standing & People>({
    name: 'read_batch',
    text: `select ${standingColumns}, ${peopleColumns}
      from batch b join campaign c on c.ref = b.campaign where b.campaign = $1 and b.number = $2`,
    values: [campaign, number],
  });
  const [row] = found.rows;
  return row && rowOf(campaign, number, row, rosterOf(row));
}

/**
 * Claims a batch for a new attempt: the token rises, so that an older attempt that still lives can
 * begin nothing. Returns the batch as it stands after the claim, in the same statement: the token is
 * this attempt's own. A change that was committed while the claim waited is missed here, and found by
 * `begin`, which calls the batch stale.
 */
export async function claimBatch(
  pool: pg.Pool,
  campaign: number,
  number: number,
  pass?: number,
): Promise<BatchRow> {
  const rosters = rostersOf(pool);
  const known = rosters.find(campaign, number);
  const values = [campaign, number, pass ?? null];
  const claim = `update batch b set token = token + 1, pass = coalesce($3, pass)
    where b.campaign = $1 and b.number = $2 returning`;
  if (known) {
    const claimed = await pool.query<Standing>({
      name: 'claim_known_batch',
      text: `${claim} ${standingColumns}`,
      values,
    });
    return rowOf(campaign, number, onlyRow(claimed), known);
  }
  const claimed = await pool.query<Standing & People>({
    name: 'claim_batch',
    text: `with b as (${claim} b.*)
      select ${standingColumns}, ${peopleColumns} from b join campaign c on c.ref = b.campaign`,
    values,
  });
  const row = claimed.rows[0];
  if (!row) throw new Error(`Batch ${number} of campaign ${campaign} is not in the ledger`);
  const roster = rosterOf(row);
  rosters.keep(campaign, number, roster);
  return rowOf(campaign, number, row, roster);
}

function rowOf(campaign: number, number: number, row: Standing, roster: Roster): BatchRow {
  const { pass, token, version, changes } = row;
  const { folded, state, clearance, redemption, reason, reasons } = row;
  const { size, reward, rewards, unique_codes } = row;
  const columns = {
    ...{ pass, token, folded, state, clearance, redemption, reason, reasons },
    ...{ size, reward, rewards, unique_codes },
  };
  const change = lay(columns, changes);
  const read = { version, change, columns };
  return {
    ...{ campaign, number, pass, token, change, read },
    members: membersOf(columns, roster),
    said: row.said ?? undefined,
    startsAt: row.starts_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    fulfilment: row.fulfilment ?? undefined,
    sent: row.sent ?? undefined,
  };
}

/** A pool's batch as it has just been opened: it need not be read. */
export function readAsOpened(members: readonly Pick<Member, 'state' | 'clearance'>[]): Read {
  return { version: 0, change: 0, columns: columnsAsOpened(members) };
}

/** Whether it is known what was read of the batch. */
export function isRead(batch: Written): batch is Written & { read: Read } {
  return batch.read !== undefined;
}

/** What a write would make of a batch, if nobody has written it since it was read. */
export interface Draft {
  /** How many members change. */
  changed: number;
  /** Parameters of `saveUnlessWritten`. */
  values: unknown[];
  /** What stands in the ledger once it is saved. */
  read: Read;
}

/** Applies what happened to a batch as it was read; the ledger is not asked. */
export function draft(batch: Written & { read: Read }, happenings: readonly Happening[]): Draft {
  const { version, change } = batch.read;
  const columns = copyOf(batch.read.columns);
  const { changed, values } = layIn(columns, change, happenings);
  return {
    changed,
    values: [batch.campaign, batch.number, ...values, version],
    read: { version: version + 1, change, columns: { ...columns, folded: String(change) } },
  };
}

/**
 * Writes what happened into a batch: locks the row, folds the changes, applies the transitions and
 * skips what they forbid. Runs inside the caller's transaction. Returns how many members changed.
 */
export async function writeBatch(
  connection: Connection,
  campaign: number,
  number: number,
  happenings: readonly Happening[],
): Promise<number> {
  const gifts = happenings.some(({ rewards }) => rewards)
    ? await lockGifts(connection, campaign, number)
    : undefined;
  const columns = gifts ?? (await lockColumns(connection, campaign, number));
  if (!columns) throw new Error(`Batch ${number} of campaign ${campaign} is not in the ledger`);
  const change = await layChanges(connection, campaign, number, columns);
  const { changed, values } = layIn(columns, change, happenings);
  await connection.query({
    name: 'save_batch',
    text: save,
    values: [campaign, number, ...values],
  });
  return changed;
}

/**
 * Appends what happened to one member alone, where the transitions allow it: a bulk writer folds it in
 * later, and a body that was built without it is stale. True when it was appended.
 */
export async function appendChange<F extends Fact>(
  connection: Connection,
  place: { campaign: number; batch: number; position: number },
  change: { fact: F; cause: Causes[F]; reason?: string },
): Promise<boolean> {
  const columns = await lockColumns(connection, place.campaign, place.batch);
  if (!columns) return false;
  await layChanges(connection, place.campaign, place.batch, columns);
  const move = moveOf(columns, place.position - 1, change.fact, change.cause);
  if (!move) return false;
  await connection.query(
    `insert into change (campaign, batch, position, fact, value, cause, reason)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      place.campaign,
      place.batch,
      place.position,
      change.fact,
      move.value,
      change.cause,
      change.reason ?? null,
    ],
  );
  return true;
}

async function lockColumns(
  connection: Connection,
  campaign: number,
  number: number,
): Promise<Columns | undefined> {
  const found = await connection.query<Columns>({
    name: 'lock_batch',
    text: `select ${factColumns} from batch b
      where b.campaign = $1 and b.number = $2 for no key update`,
    values: [campaign, number],
  });
  return found.rows[0];
}

async function lockGifts(
  connection: Connection,
  campaign: number,
  number: number,
): Promise<(Columns & Gifts) | undefined> {
  const found = await connection.query<Columns & Gifts>({
    name: 'lock_gifts',
    text: `select ${factColumns}, b.size, b.reward, b.rewards, b.unique_codes from batch b
      where b.campaign = $1 and b.number = $2 for no key update`,
    values: [campaign, number],
  });
  return found.rows[0];
}

/** Reads the changes that came since the last fold, under the row's lock, and lays them over the columns. */
async function layChanges(
  connection: Connection,
  campaign: number,
  number: number,
  columns: Columns,
): Promise<number> {
  const changes = await connection.query<Change>({
    name: 'read_changes',
    text: `select seq, position, fact, value, reason from change
      where campaign = $1 and batch = $2 and seq > $3 order by seq`,
    values: [campaign, number, columns.folded],
  });
  return lay(columns, changes.rows);
}

/** Whatever was written: a column that is left as it is keeps its place on disk. */
const save = `update batch set version = version + 1, folded = $3, state = coalesce($4, state),
    clearance = coalesce($5, clearance), redemption = coalesce($6, redemption),
    reason = coalesce($7, reason), reasons = coalesce($8, reasons),
    reward = coalesce($9, reward), rewards = coalesce($10, rewards),
    unique_codes = coalesce($11, unique_codes)
  where campaign = $1 and number = $2`;

/** Saves a draft, unless somebody has written the batch since it was read: then it saves nothing. */
export const saveUnlessWritten = `${save} and version = $12`;
