import type pg from 'pg';
import {
  type Causes,
  clearances,
  type Fact,
  type Facts,
  redemptions,
  states,
  transition,
} from '../domain/assignment.ts';
import type { Reward } from '../domain/words.ts';
import type { Connection } from './pool.ts';
import { type Roster, rostersOf } from './rosters.ts';
import { onlyRow } from './tenants.ts';

/**
 * The columns of a batch, packed an element an assignment, and the only TypeScript that reads or writes
 * them. Everyone else sees plain members and says what happened to them.
 */
interface Columns {
  pass: number;
  token: number;
  folded: string;
  state: Buffer;
  clearance: Buffer;
  redemption: Buffer;
  reason: Buffer;
  reasons: string[];
}

/** What happened to one assignment alone, by its place in the batch. */
interface Change {
  seq: string | number;
  position: number;
  fact: Fact;
  value: number;
  reason: string | null;
}

/** Everything that may change; a writer of facts alone does without what was given. */
interface Standing extends Columns, Gifts {
  version: number;
  changes: Change[];
}

/** Who the members are. */
interface People {
  customers: string;
  codes: string[];
  action: Buffer;
  code: Buffer;
}

/** What was given, for the writers who change it. */
interface Gifts {
  size: number;
  reward: Buffer | null;
  rewards: Reward[][];
  unique_codes: string | null;
}

/** One assignment of a batch, as plain facts. */
export interface Member extends Facts {
  /** Its place in the batch, from 1. */
  position: number;
  customerId: string;
  promoCode: string;
  actionId: string | undefined;
  rewards: Reward[];
  reason: string | undefined;
}

/** What happened to one member; a cause that the transitions forbid is skipped, with what came with it. */
export interface Happening {
  position: number;
  state?: Causes['state'];
  clearance?: Causes['clearance'];
  redemption?: Causes['redemption'];
  reason?: string;
  rewards?: Reward[];
  /** The platform's own name of what it gave; it stays with the effect whose answer brought it. */
  reference?: string;
}

export interface BatchRow {
  campaign: number;
  number: number;
  pass: number;
  token: number;
  /** The last change that these members include. */
  change: number;
  members: Member[];
  /** What was read, for `draft`. */
  read: Read;
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
  read?: Read;
}

const values: { [F in Fact]: readonly Facts[F][] } = {
  state: states,
  clearance: clearances,
  redemption: redemptions,
};

/** Splits lines of elements: no id, code or reference may hold it. */
export const separator = '\x1f';

const factColumns = `b.pass, b.token, b.folded, b.state, b.clearance, b.redemption, b.reason, b.reasons`;

/** How a batch stands, with the changes not yet folded. */
const standingColumns = `${factColumns}, b.version, b.size, b.reward, b.rewards, b.unique_codes,
  (select coalesce(jsonb_agg(to_jsonb(h) order by h.seq), '[]') from change h
    where h.campaign = b.campaign and h.batch = b.number and h.seq > b.folded) as changes`;

const peopleColumns = 'b.customers, c.codes, b.code, b.action';

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
  return { campaign, number, pass, token, change, members: membersOf(columns, roster), read };
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

function copyOf(columns: Columns & Gifts): Columns & Gifts {
  const { state, clearance, redemption, reason, reasons, reward, rewards } = columns;
  return {
    ...columns,
    state: Buffer.from(state),
    clearance: Buffer.from(clearance),
    redemption: Buffer.from(redemption),
    reason: Buffer.from(reason),
    reasons: [...reasons],
    reward: reward && Buffer.from(reward),
    rewards: [...rewards],
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

/** Lays what happened over the columns; returns what a save takes after campaign and number. */
function layIn(
  columns: Columns & Partial<Gifts>,
  change: number,
  happenings: readonly Happening[],
): { changed: number; values: unknown[] } {
  const places = createPlaces(columns.reasons);
  const touched = new Set<Touched>(change > Number(columns.folded) ? everything : []);
  const changed = happenings.filter((happening) => applyFacts(columns, places, happening, touched));
  const given = changed.some(({ rewards }) => rewards) ? giveAll(giftsOf(columns), changed) : {};
  Object.assign(columns, given);
  const touchedColumn = (fact: Touched): Buffer | null =>
    touched.has(fact) ? columns[fact] : null;
  const values = [
    change,
    ...everything.map(touchedColumn),
    touched.has('reason') ? columns.reasons : null,
    given.reward ?? null,
    given.rewards ? JSON.stringify(given.rewards) : null,
    given.unique_codes ?? null,
  ];
  return { changed: changed.length, values };
}

/** A writer of rewards has read what was given before. */
function giftsOf({ size, reward, rewards, unique_codes }: Partial<Gifts>): Gifts {
  if (size === undefined || !rewards) throw new Error('The gifts of the batch were not read');
  return { size, reward: reward ?? null, rewards, unique_codes: unique_codes ?? null };
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
  const known: readonly Facts[F][] = values[change.fact];
  const from = elementOf(known, columns[change.fact][place.position - 1]);
  const to = transition(change.fact, from, change.cause);
  if (to === undefined) return false;
  await connection.query(
    `insert into change (campaign, batch, position, fact, value, cause, reason)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      place.campaign,
      place.batch,
      place.position,
      change.fact,
      known.indexOf(to),
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

/** Lays changes over the columns; returns the number of the last one that they include now. */
function lay(columns: Columns, changes: readonly Change[]): number {
  const places = createPlaces(columns.reasons);
  for (const change of changes) {
    columns[change.fact][change.position - 1] = change.value;
    if (change.reason !== null) setReason(columns, places, change.position - 1, change.reason);
  }
  return Number(changes.at(-1)?.seq ?? columns.folded);
}

function rosterOf({ customers, codes, action, code }: People): Roster {
  const ids = customers.split(separator);
  return {
    customers: ids,
    promoCodes: ids.map((_, index) => elementOf(codes, code.readUInt16BE(2 * index) - 1)),
    actionIds: ids.map((_, index) => {
      const id = action.readInt32BE(4 * index);
      return id === 0 ? undefined : String(id);
    }),
  };
}

function membersOf(columns: Columns & Gifts, roster: Roster): Member[] {
  const { reasons, rewards, reason, reward, state, clearance, redemption } = columns;
  const { promoCodes, actionIds } = roster;
  const uniqueCodes = columns.unique_codes?.split(separator);
  return roster.customers.map((customerId, index) => {
    return {
      position: index + 1,
      customerId,
      promoCode: elementOf(promoCodes, index),
      actionId: actionIds[index],
      state: elementOf(states, state[index]),
      clearance: elementOf(clearances, clearance[index]),
      redemption: elementOf(redemptions, redemption[index]),
      rewards: reward
        ? rewardsOf(rewards[reward.readUInt16BE(2 * index) - 1], uniqueCodes?.[index])
        : noRewards,
      reason: reasons[reason.readUInt16BE(2 * index) - 1],
    };
  });
}

const noRewards: Reward[] = [];

/** Unique codes stand in a column of their own, so that equal rewards are stored once. */
function rewardsOf(rewards: Reward[] | undefined, unique: string | undefined): Reward[] {
  if (!rewards || !unique) return rewards ?? noRewards;
  const codes = unique.split('\n');
  return rewards.map((reward) =>
    reward.code === undefined ? reward : { ...reward, code: codes.shift() ?? '' },
  );
}

/** Columns that a writer changed; the others keep their place on disk. */
type Touched = Fact | 'reason';
const everything: readonly Touched[] = ['state', 'clearance', 'redemption', 'reason'];

/** Moves the facts of one member; false where the transitions forbid the first of them. */
function applyFacts(
  columns: Columns,
  places: Map<string, number>,
  happening: Happening,
  touched: Set<Touched>,
): boolean {
  const index = happening.position - 1;
  const moves = [
    moveOf(columns, index, 'state', happening.state),
    moveOf(columns, index, 'clearance', happening.clearance),
    moveOf(columns, index, 'redemption', happening.redemption),
  ];
  if (happening.state !== undefined && moves[0] === undefined) return false;
  let moved = false;
  for (const move of moves) {
    if (!move) continue;
    columns[move.fact][index] = move.value;
    touched.add(move.fact);
    moved = true;
  }
  if (moved && happening.reason !== undefined) {
    setReason(columns, places, index, happening.reason);
    touched.add('reason');
  }
  return moved;
}

function moveOf<F extends Fact>(
  columns: Columns,
  index: number,
  fact: F,
  cause: Causes[F] | undefined,
): { fact: Fact; value: number } | undefined {
  if (cause === undefined) return undefined;
  const known: readonly Facts[F][] = values[fact];
  const to = transition(fact, elementOf(known, columns[fact][index]), cause);
  return to === undefined ? undefined : { fact, value: known.indexOf(to) };
}

function setReason(
  columns: Columns,
  places: Map<string, number>,
  index: number,
  reason: string,
): void {
  // A far side's own words may hold what Postgres cannot store.
  const words = reason.replaceAll('\0', ' ');
  columns.reason.writeUInt16BE(placeOf(columns.reasons, places, words, words), 2 * index);
}

/** Lays rewards in; returns the columns that differ now. The unique codes of most rewards are none. */
function giveAll(gifts: Gifts, happenings: readonly Happening[]): Partial<Gifts> {
  const places = new Map(
    gifts.rewards.map((rewards, index) => [JSON.stringify(rewards), index + 1]),
  );
  const reward = gifts.reward ?? Buffer.alloc(2 * gifts.size);
  let uniqueCodes = gifts.unique_codes?.split(separator);
  for (const { position, rewards } of happenings) {
    if (!rewards) continue;
    const index = position - 1;
    const codes = rewards.flatMap(({ code }) => code ?? []);
    const shared = rewards.map((one) => (one.code === undefined ? one : { ...one, code: '' }));
    const place = placeOf(gifts.rewards, places, JSON.stringify(shared), shared);
    reward.writeUInt16BE(place, 2 * index);
    if (codes.length > 0) uniqueCodes ??= Array.from({ length: gifts.size }, () => '');
    if (uniqueCodes) uniqueCodes[index] = codes.join('\n');
  }
  return {
    reward,
    rewards: gifts.rewards,
    ...(uniqueCodes && { unique_codes: uniqueCodes.join(separator) }),
  };
}

/** The place of a thing in its list, from 1, where it is put if it is new. */
function placeOf<T>(list: T[], places: Map<string, number>, name: string, thing: T): number {
  const place = places.get(name) ?? list.push(thing);
  places.set(name, place);
  return place;
}

function createPlaces(list: readonly string[]): Map<string, number> {
  return new Map(list.map((text, index) => [text, index + 1]));
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

/** An element that the ledger's own columns surely have. */
function elementOf<T>(list: readonly T[], index: number | undefined): T {
  const value = index === undefined ? undefined : list[index];
  if (value === undefined) throw new Error(`The ledger has no element ${index} in a column`);
  return value;
}
