import type { Branch, Tier } from '../options.ts';

/** Reads `customer.X` or `session.x` of whoever is being judged. */
export type ReadProperty = (name: string) => unknown;

/** The index of the first tier whose conditions hold, or -1: the order is the priority. */
export function chooseTier(tiers: Tier[], read: ReadProperty): number {
  return tiers.findIndex((tier) => holds(tier.conditions, read));
}

/**
 * Judges a condition tree given as a flat list (API §10.2): a branch's id is its index and a parent
 * stands before its children, so one walk from the end settles every child before its parent.
 * Branches without a parent must all hold.
 */
function holds(branches: Branch[], read: ReadProperty): boolean {
  const children: boolean[][] = branches.map(() => []);
  let all = true;
  for (let at = branches.length - 1; at >= 0; at -= 1) {
    const branch = branches[at];
    if (branch === undefined) continue;
    const result = isOperator(branch) ? combine(branch, children[at] ?? []) : compare(branch, read);
    if (branch.parent === undefined) all = all && result;
    else children[branch.parent]?.push(result);
  }
  return all;
}

const isOperator = (branch: Branch) => branch.operator !== undefined;

function combine(branch: Branch, results: boolean[]): boolean {
  if (branch.operator === 'OR') return results.some(Boolean);
  if (branch.operator === 'NOT') return !results.every(Boolean);
  return results.every(Boolean);
}

function compare(branch: Branch, read: ReadProperty): boolean {
  const actual = read(branch.property ?? '');
  const wanted = branch.value;
  const among = Array.isArray(wanted) && wanted.some((value) => same(value, actual));
  switch (branch.comparison) {
    case 'EQ':
      return same(actual, wanted);
    case 'NEQ':
      return !same(actual, wanted);
    case 'GT':
      return Number(actual) > Number(wanted);
    case 'GTE':
      return Number(actual) >= Number(wanted);
    case 'LT':
      return Number(actual) < Number(wanted);
    case 'LTE':
      return Number(actual) <= Number(wanted);
    case 'IN':
      return among;
    case 'NOT_IN':
      return !among;
    case 'CONTAINS':
      return actual !== undefined && String(actual).includes(String(wanted));
    case 'EXISTS':
      return actual !== undefined && actual !== null;
    case undefined:
      return false;
  }
}

/** Numbers come as numbers or as text: both spell the same value. */
function same(left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left === right || String(left) === String(right);
}
