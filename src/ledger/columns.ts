import type pg from 'pg';
import {
  type Causes,
  type Clearance,
  clearances,
  type Fact,
  type Facts,
  type Redemption,
  redemptions,
  type State,
  states,
  transition,
} from '../domain/assignment.ts';
import type { Reward } from '../domain/words.ts';
import type { Connection } from './pool.ts';

/**
 * The arrays of a batch, and the only TypeScript that reads or writes them. Everyone else sees plain
 * members and says what happened to them.
 */
interface Columns {
  pass: number;
  token: number;
  folded: string;
  customers: string[];
  codes: string[];
  code: number[];
  action: number[];
  state: number[];
  clearance: number[];
  redemption: number[];
  reason: number[];
  reasons: string[];
  reward: number[] | null;
  rewards: Reward[][];
  unique_code: (string | null)[] | null;
  reference: (string | null)[] | null;
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
}

const values: { [F in Fact]: readonly Facts[F][] } = {
  state: states,
  clearance: clearances,
  redemption: redemptions,
};

/** Reads a batch with the changes not yet folded laid over. Undefined where there is none. */
export async function readBatch(
  connection: Connection | pg.Pool,
  campaign: number,
  number: number,
): Promise<BatchRow | undefined> {
  const found = await readColumns(connection, campaign, number, '');
  if (!found) return undefined;
  const change = await layChanges(connection, campaign, number, found);
  return {
    campaign,
    number,
    pass: found.pass,
    token: found.token,
    change,
    members: membersOf(found),
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
  const columns = await readColumns(connection, campaign, number, 'for no key update of b');
  if (!columns) throw new Error(`Batch ${number} of campaign ${campaign} is not in the ledger`);
  const change = await layChanges(connection, campaign, number, columns);
  const drafts = createDrafts(columns);
  let changed = 0;
  for (const happening of happenings) if (apply(columns, drafts, happening)) changed += 1;
  await saveColumns(connection, campaign, number, columns, drafts, change);
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
  const columns = await readColumns(
    connection,
    place.campaign,
    place.batch,
    'for no key update of b',
  );
  if (!columns) return false;
  await layChanges(connection, place.campaign, place.batch, columns);
  const known: readonly Facts[F][] = values[change.fact];
  const from = elementAt(known, elementAt(columns[change.fact], place.position - 1));
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

async function readColumns(
  connection: Connection | pg.Pool,
  campaign: number,
  number: number,
  lock: string,
): Promise<Columns | undefined> {
  const found = await connection.query<Columns>(
    `select b.pass, b.token, b.folded, b.customers, c.codes, b.code, b.action, b.state, b.clearance,
       b.redemption, b.reason, b.reasons, b.reward, b.rewards, b.unique_code, b.reference
     from batch b join campaign c on c.ref = b.campaign
     where b.campaign = $1 and b.number = $2 ${lock}`,
    [campaign, number],
  );
  return found.rows[0];
}

/** Lays the changes that came since the last fold over the arrays; returns the last one's number. */
async function layChanges(
  connection: Connection | pg.Pool,
  campaign: number,
  number: number,
  columns: Columns,
): Promise<number> {
  const changes = await connection.query<{
    seq: string;
    position: number;
    fact: Fact;
    value: number;
    reason: string | null;
  }>(
    `select seq, position, fact, value, reason from change
     where campaign = $1 and batch = $2 and seq > $3 order by seq`,
    [campaign, number, columns.folded],
  );
  let last = Number(columns.folded);
  for (const change of changes.rows) {
    columns[change.fact][change.position - 1] = change.value;
    if (change.reason !== null) {
      columns.reason[change.position - 1] = indexIn(columns.reasons, change.reason);
    }
    last = Number(change.seq);
  }
  return last;
}

function membersOf(columns: Columns): Member[] {
  return columns.customers.map((customerId, index) => ({
    position: index + 1,
    customerId,
    promoCode: elementAt(columns.codes, elementAt(columns.code, index) - 1),
    actionId:
      elementAt(columns.action, index) === 0 ? undefined : String(elementAt(columns.action, index)),
    state: elementAt<State>(states, elementAt(columns.state, index)),
    clearance: elementAt<Clearance>(clearances, elementAt(columns.clearance, index)),
    redemption: elementAt<Redemption>(redemptions, elementAt(columns.redemption, index)),
    rewards: rewardsOf(columns, index),
    reason: columns.reasons[elementAt(columns.reason, index) - 1],
  }));
}

/** Unique codes stand in a column of their own, a line each, so that equal rewards are stored once. */
function rewardsOf(columns: Columns, index: number): Reward[] {
  const rewards = columns.rewards[(columns.reward?.[index] ?? 0) - 1] ?? [];
  const unique = columns.unique_code?.[index];
  if (!unique) return rewards;
  const codes = unique.split('\n');
  return rewards.map((reward) =>
    reward.code === undefined ? reward : { ...reward, code: codes.shift() ?? '' },
  );
}

/** Arrays that are null until something is written to them, and the places of what is known already. */
interface Drafts {
  rewardPlaces: Map<string, number>;
  reasonPlaces: Map<string, number>;
  touched: Set<'reward' | 'unique_code' | 'reference' | Fact | 'reason'>;
}

function createDrafts(columns: Columns): Drafts {
  return {
    rewardPlaces: new Map(
      columns.rewards.map((rewards, index) => [JSON.stringify(rewards), index + 1]),
    ),
    reasonPlaces: new Map(columns.reasons.map((reason, index) => [reason, index + 1])),
    touched: new Set(),
  };
}

function apply(columns: Columns, drafts: Drafts, happening: Happening): boolean {
  const index = happening.position - 1;
  let moved = false;
  let refused = false;
  const move = <F extends Fact>(fact: F, cause: Causes[F] | undefined): void => {
    if (cause === undefined) return;
    const known: readonly Facts[F][] = values[fact];
    const to = transition(fact, elementAt(known, elementAt(columns[fact], index)), cause);
    if (to === undefined) {
      refused = true;
      return;
    }
    columns[fact][index] = known.indexOf(to);
    drafts.touched.add(fact);
    moved = true;
  };
  move('state', happening.state);
  if (refused) return false;
  move('clearance', happening.clearance);
  move('redemption', happening.redemption);
  if (!moved) return false;
  if (happening.reason !== undefined) setReason(columns, drafts, index, happening.reason);
  if (happening.rewards) setRewards(columns, drafts, index, happening.rewards);
  if (happening.reference !== undefined) {
    columns.reference ??= columns.customers.map(() => null);
    columns.reference[index] = happening.reference;
    drafts.touched.add('reference');
  }
  return true;
}

function setReason(columns: Columns, drafts: Drafts, index: number, reason: string): void {
  const place = drafts.reasonPlaces.get(reason) ?? columns.reasons.push(reason);
  drafts.reasonPlaces.set(reason, place);
  columns.reason[index] = place;
  drafts.touched.add('reason');
}

function setRewards(columns: Columns, drafts: Drafts, index: number, rewards: Reward[]): void {
  const codes = rewards.flatMap((reward) => reward.code ?? []);
  const shared = rewards.map((reward) =>
    reward.code === undefined ? reward : { ...reward, code: '' },
  );
  const text = JSON.stringify(shared);
  const place = drafts.rewardPlaces.get(text) ?? columns.rewards.push(shared);
  drafts.rewardPlaces.set(text, place);
  columns.reward ??= columns.customers.map(() => 0);
  columns.reward[index] = place;
  drafts.touched.add('reward');
  if (codes.length === 0 && (columns.unique_code?.[index] ?? null) === null) return;
  columns.unique_code ??= columns.customers.map(() => null);
  columns.unique_code[index] = codes.length > 0 ? codes.join('\n') : null;
  drafts.touched.add('unique_code');
}

/** Only the arrays that changed are written; the others keep their place on disk. */
async function saveColumns(
  connection: Connection,
  campaign: number,
  number: number,
  columns: Columns,
  drafts: Drafts,
  change: number,
): Promise<void> {
  const sets = ['folded = $3'];
  const parameters: unknown[] = [campaign, number, change];
  const set = (name: string, value: unknown): void => {
    sets.push(`${name} = $${parameters.push(value)}`);
  };
  const folded = change > Number(columns.folded);
  for (const name of ['state', 'clearance', 'redemption', 'reason'] as const) {
    if (folded || drafts.touched.has(name)) set(name, arrayText(columns[name]));
  }
  if (folded || drafts.touched.has('reason')) set('reasons', columns.reasons);
  for (const name of ['unique_code', 'reference'] as const) {
    if (drafts.touched.has(name)) set(name, columns[name]);
  }
  if (drafts.touched.has('reward')) {
    set('reward', arrayText(columns.reward ?? []));
    set('rewards', JSON.stringify(columns.rewards));
  }
  await connection.query(
    `update batch set ${sets.join(', ')} where campaign = $1 and number = $2`,
    parameters,
  );
}

/** Postgres's own spelling of an array of numbers; the driver would quote and escape each. */
function arrayText(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`;
}

function indexIn(list: string[], text: string): number {
  const place = list.indexOf(text);
  return place >= 0 ? place + 1 : list.push(text);
}

/** An element that the ledger's own arrays surely have. */
function elementAt<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`The ledger has no element ${index} in an array`);
  return value;
}
