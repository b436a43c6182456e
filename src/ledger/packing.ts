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
import type { Roster } from './rosters.ts';

/**
 * The columns of a batch, packed an element an assignment, and the only TypeScript that reads or writes
 * them. Everyone else sees plain members and says what happened to them.
 */
export interface Columns {
  pass: number;
  token: number;
  folded: string;
  state: Buffer;
  clearance: Buffer;
  redemption: Buffer;
  reason: Buffer;
  reasons: string[];
}

/** What was given, for the writers who change it. */
export interface Gifts {
  size: number;
  reward: Buffer | null;
  rewards: Reward[][];
  unique_codes: string | null;
}

/** What happened to one assignment alone, by its place in the batch. */
export interface Change {
  seq: string | number;
  position: number;
  fact: Fact;
  value: number;
  reason: string | null;
}

/** Who the members are. */
export interface People {
  customers: string;
  codes: string[];
  action: Buffer;
  code: Buffer;
  instance: Buffer | null;
}

/** One assignment of a batch, as plain facts. */
export interface Member extends Facts {
  /** Its place in the batch, from 1. */
  position: number;
  customerId: string;
  promoCode: string;
  actionId: string | undefined;
  /** Which trigger of its customer it is about; 0 in a scheduled campaign. */
  instance: number;
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

const values: { [F in Fact]: readonly Facts[F][] } = {
  state: states,
  clearance: clearances,
  redemption: redemptions,
};

/** Splits lines of elements: no id, code or reference may hold it. */
export const separator = '\x1f';

export function copyOf(columns: Columns & Gifts): Columns & Gifts {
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

/** Lays what happened over the columns; returns what a save takes after campaign and number. */
export function layIn(
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

/** Lays changes over the columns; returns the number of the last one that they include now. */
export function lay(columns: Columns, changes: readonly Change[]): number {
  const places = createPlaces(columns.reasons);
  for (const change of changes) {
    columns[change.fact][change.position - 1] = change.value;
    if (change.reason !== null) setReason(columns, places, change.position - 1, change.reason);
  }
  return Number(changes.at(-1)?.seq ?? columns.folded);
}

export function rosterOf({ customers, codes, action, code, instance }: People): Roster {
  const ids = customers.split(separator);
  return {
    customers: ids,
    promoCodes: ids.map((_, index) => elementOf(codes, code.readUInt16BE(2 * index) - 1)),
    actionIds: ids.map((_, index) => {
      const id = action.readInt32BE(4 * index);
      return id === 0 ? undefined : String(id);
    }),
    instances: instance,
  };
}

export function membersOf(columns: Columns & Gifts, roster: Roster): Member[] {
  const { reasons, rewards, reason, reward, state, clearance, redemption } = columns;
  const { promoCodes, actionIds, instances } = roster;
  const uniqueCodes = columns.unique_codes?.split(separator);
  return roster.customers.map((customerId, index) => {
    return {
      position: index + 1,
      customerId,
      promoCode: elementOf(promoCodes, index),
      actionId: actionIds[index],
      instance: instances?.readUInt16BE(2 * index) ?? 0,
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

export function moveOf<F extends Fact>(
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

/** An element that the ledger's own columns surely have. */
function elementOf<T>(list: readonly T[], index: number | undefined): T {
  const value = index === undefined ? undefined : list[index];
  if (value === undefined) throw new Error(`The ledger has no element ${index} in a column`);
  return value;
}

/** The columns of a pool that has just been opened, with nothing given yet. */
export function columnsAsOpened(
  members: readonly Pick<Member, 'state' | 'clearance'>[],
): Columns & Gifts {
  const size = members.length;
  return {
    ...{ pass: 0, token: 0, folded: '0', size },
    state: Buffer.from(members.map(({ state }) => states.indexOf(state))),
    clearance: Buffer.from(members.map(({ clearance }) => clearances.indexOf(clearance))),
    redemption: Buffer.alloc(size, redemptions.indexOf('none')),
    ...{ reason: Buffer.alloc(2 * size), reasons: [] },
    ...{ reward: null, rewards: [], unique_codes: null },
  };
}
