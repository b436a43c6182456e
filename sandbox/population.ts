import { z } from 'zod';

/**
 * Customers are worked out from their index, never stored: everything here is a pure function of
 * (seed, index), so that a page of ten millions costs as much as a page of ten thousand.
 */

const share = z.number().min(0).max(1);

export const populationOptions = z.strictObject({
  /** The targeted customers: the audience, without control group and malformed rows. */
  customers: z.int().nonnegative(),
  /** The control group's part of the whole population; it comes on top of the audience. */
  controlShare: share.default(0.05),
  deniedShare: share.default(0.02),
  declinedShare: share.default(0.01),
  noTierShare: share.default(0.04),
  severalCodesShare: share.default(0.1),
  withoutCodeShare: share.default(0),
  /** Rows that come a second time, as a part of the population. */
  duplicateShare: share.default(0),
  /** Rows without a customer id. */
  malformedRows: z.int().nonnegative().default(0),
  ids: z.enum(['sequential', 'uuid']).default('sequential'),
});

export type PopulationOptions = z.output<typeof populationOptions>;

export interface Population {
  options: PopulationOptions;
  seed: number;
  /** Audience and control group together: indexes run below it. */
  total: number;
  controls: number;
  duplicates: number;
  /** The part that is known by a visitor's id only; triggered campaigns alone meet them. */
  visitorShare: number;
}

/** Lays out who there is: the control group is spread evenly and has an exact size. */
export function layOutPopulation(
  options: PopulationOptions,
  seed: number,
  visitorShare = 0,
): Population {
  const { customers, controlShare } = options;
  const controls =
    controlShare >= 1 ? 0 : Math.round((customers * controlShare) / (1 - controlShare));
  const total = customers + controls;
  const duplicates = Math.round(total * options.duplicateShare);
  return { options, seed, total, controls, duplicates, visitorShare };
}

/** An even 32-bit hash of three numbers (the finaliser of murmur3, three rounds). */
export function hash(seed: number, purpose: number, index: number): number {
  return mix(mix(mix(seed) ^ purpose) ^ index);
}

function mix(value: number): number {
  let mixed = (value + 0x9e3779b9) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const SCREENED = 1;
const DECLINED = 2;
const NO_TIER = 3;
const SEVERAL = 4;
const WITHOUT_CODE = 5;
const LEVEL = 6;
const COUNTRY = 7;
const DEPOSITS = 8;
const UUID = 9;
const VISITOR = 20;

/** Does this part of all fall on him? The same purpose always answers the same. */
export function falls(
  population: Population,
  purpose: number,
  index: number,
  part: number,
): boolean {
  return part > 0 && hash(population.seed, purpose, index) < part * 2 ** 32;
}

export function isControl(population: Population, index: number): boolean {
  const { controls, total } = population;
  if (controls === 0) return false;
  return Math.floor(((index + 1) * controls) / total) > Math.floor((index * controls) / total);
}

/** Does the tenant's own screening deny this customer? */
export function isDenied(population: Population, index: number): boolean {
  return falls(population, SCREENED, index, population.options.deniedShare);
}

/** Does the platform decline to give this customer anything? */
export function isDeclined(population: Population, index: number): boolean {
  return falls(population, DECLINED, index, population.options.declinedShare);
}

export function holdsSeveralCodes(population: Population, index: number): boolean {
  return falls(population, SEVERAL, index, population.options.severalCodesShare);
}

export function isWithoutCode(population: Population, index: number): boolean {
  return falls(population, WITHOUT_CODE, index, population.options.withoutCodeShare);
}

export function isVisitor(population: Population, index: number): boolean {
  return falls(population, VISITOR, index, population.visitorShare);
}

const COUNTRIES = ['MT', 'SE', 'FI', 'DE', 'CA'];

/** A customer's attribute by its name at Optimove; undefined where there is none of that name. */
export function attributeOf(
  population: Population,
  index: number,
  name: string,
): string | number | undefined {
  const { seed } = population;
  if (name === 'VIP_LEVEL') {
    if (falls(population, NO_TIER, index, population.options.noTierShare)) return 'none';
    const level = hash(seed, LEVEL, index) % 100;
    return level < 5 ? 'gold' : level < 25 ? 'silver' : 'base';
  }
  if (name === 'COUNTRY') return COUNTRIES[hash(seed, COUNTRY, index) % COUNTRIES.length];
  if (name === 'TOTAL_DEPOSITS') return hash(seed, DEPOSITS, index) % 10_000;
  return undefined;
}

/** The id as Optimove spells it: 10 characters (a visitor's begins with V), or 36 like a uuid. */
export function idOf(population: Population, index: number): string {
  if (population.options.ids === 'sequential') {
    return `${isVisitor(population, index) ? 'V' : 'P'}-${String(index).padStart(8, '0')}`;
  }
  const first = hex(scramble(index, population.seed), 8);
  const second = hex(hash(population.seed, UUID, index), 8);
  const third = hex(hash(population.seed, UUID + 1, index), 8);
  const fourth = hex(hash(population.seed, UUID + 2, index), 8);
  return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-a${third.slice(1, 4)}-${third.slice(4)}${fourth}`;
}

/** The index of an id, or -1 when no customer of this population is spelled so. */
export function indexOf(population: Population, id: string): number {
  const index =
    population.options.ids === 'sequential'
      ? sequentialIndex(id)
      : unscramble(Number.parseInt(id.slice(0, 8), 16), population.seed);
  if (!(index >= 0 && index < population.total)) return -1;
  const isPlain = population.options.ids === 'sequential' && population.visitorShare === 0;
  if (isPlain) return id.charCodeAt(0) === CUSTOMER_LETTER ? index : -1;
  return idOf(population, index) === id ? index : -1;
}

const CUSTOMER_LETTER = 80;

function sequentialIndex(id: string): number {
  if (id.length < 10 || id.charCodeAt(1) !== 45) return -1;
  let index = 0;
  for (let at = 2; at < id.length; at += 1) {
    const digit = id.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    index = index * 10 + digit;
  }
  return id.length > 10 && index < 1e8 ? -1 : index;
}

const ODD = 0x9e3779b1;
const INVERSE = inverseOf(ODD);

/** Multiplying by an odd number is a bijection of 32 bits: the id leads back to its index. */
function scramble(index: number, seed: number): number {
  return (Math.imul(index, ODD) ^ hash(seed, UUID, 0xffff)) >>> 0;
}

function unscramble(scrambled: number, seed: number): number {
  return Math.imul(scrambled ^ hash(seed, UUID, 0xffff), INVERSE) >>> 0;
}

function inverseOf(odd: number): number {
  let inverse = odd;
  for (let round = 0; round < 5; round += 1) {
    inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  }
  return inverse;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
