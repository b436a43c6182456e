import { answer, type Call, Refusal } from '../call.ts';

const PAGE = 10_000;
const LARGEST_PAGE = 200_000;

/** Names of the query are read without regard to case, as callers in the wild rely on. */
export function queryOf(call: Call, name: string): string | undefined {
  for (const [key, value] of call.query) {
    if (key.toLowerCase() === name.toLowerCase()) return value;
  }
  return undefined;
}

/** One stretch of a list that is never stored: its rows are built when their page is asked for. */
export interface Stretch<Row> {
  length: number;
  build(at: number): Row;
}

/**
 * Rows `$skip` to `$skip + $top` of these stretches, one after another (API §4.1). A fault that shifts the
 * page answers with the rows so many places before.
 */
export function page<Row>(call: Call, stretches: Stretch<Row>[]): Row[] {
  const all = stretches.reduce((sum, { length }) => sum + length, 0);
  const top = Math.min(numberOf(queryOf(call, '$top'), PAGE), LARGEST_PAGE);
  const skip = numberOf(queryOf(call, '$skip'), 0);
  const rows: Row[] = [];
  for (let row = skip; row < Math.min(skip + top, all); row += 1) {
    const moved = call.shiftRows === 0 ? row : (((row - call.shiftRows) % all) + all) % all;
    const built = buildAt(stretches, moved);
    if (built !== undefined) rows.push(built);
  }
  return rows;
}

function buildAt<Row>(stretches: Stretch<Row>[], row: number): Row | undefined {
  let before = 0;
  for (const { length, build } of stretches) {
    if (row < before + length) return build(row - before);
    before += length;
  }
  return undefined;
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) throw new Refusal(answer(400, 'Invalid paging parameter'));
  return Number(text);
}
