/**
 * Optimove's small habits, read once: ids as strings or numbers, codes comma-joined or as arrays,
 * booleans as words, keys in any casing (API §4, §5.7). `undefined` means "not understood".
 */

/** Longest id or code that is kept: far above what is seen, well below what an index takes. */
export const longestId = 256;

/**
 * An id in its own spelling: leading zeros and casing are kept, a number becomes its digits. A number
 * too large to have come through JSON exactly is not understood, nor is text no database can hold.
 */
export function readId(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string' || value.length > longestId) return undefined;
  return isStorable(value) && value.trim() !== '' ? value : undefined;
}

/**
 * Text with half a surrogate pair or a NUL cannot be stored, or not under the same name; the ledger
 * splits its lines by control characters.
 */
function isStorable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  return !/[\0-\x1f]/.test(text) && text.isWellFormed();
}

/** Narrower than an id: it becomes part of the names of runs. */
const plainShape = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** The id of a campaign, or of a channel it was sent through: letters, digits and `_ . -`, at most 64. */
export function readPlainId(value: unknown): string | undefined {
  const id = readId(value);
  return id !== undefined && plainShape.test(id) ? id : undefined;
}

/** Free text, such as notes, as it came; none where it is empty or no database can hold it. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && isKeepable(value, 0) ? value : undefined;
}

/** Deeper than any value of an attribute or an event that was ever seen. */
const deepestValue = 8;

/**
 * Named values that are only passed on (attributes, an event's parameters): names keep their case. A value
 * that no database can hold, or that is nested without end, is left out; `undefined` where there is none.
 */
export function readValues(value: unknown): Record<string, unknown> | undefined {
  if (!isObject(value)) return undefined;
  const kept = Object.entries(value).filter((entry) => isKeepable(entry, deepestValue));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isKeepable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return (
    depth > 0 &&
    Object.entries(value)
      .flat()
      .every((each) => isKeepable(each, depth - 1))
  );
}

/**
 * Promo codes: one, comma-joined, an array of either, or none (null, absent, empty). Trimmed, each
 * once, in order. What is none of these is not understood, lest it pass for "no code".
 */
export function readCodes(value: unknown): string[] | undefined {
  if (value === null || value === undefined || value === '') return [];
  if (typeof value === 'string' && !value.includes(',')) {
    const code = value.trim();
    if (code === '') return [];
    return readId(code) === undefined ? undefined : [code];
  }
  const codes = new Set<string>();
  for (const part of Array.isArray(value) ? value : [value]) {
    const text = typeof part === 'number' ? readId(part) : part;
    if (typeof text !== 'string') return undefined;
    for (const piece of text.split(',')) {
      const code = piece.trim();
      if (code === '') continue;
      if (readId(code) === undefined) return undefined;
      codes.add(code);
    }
  }
  return [...codes];
}

/** `true`, `"true"`, `"False"` … (API §4). */
export function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  const word = value.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
}

/** A finite number, as such or written as a string. */
export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : finite(Number(value));
  return typeof value === 'number' ? finite(value) : undefined;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** More days than any campaign lasts; a larger figure is not a duration. */
const mostDays = 3_660;

/** A duration or lead time in whole days. */
export function readDays(value: unknown): number | undefined {
  const days = readNumber(value);
  return days !== undefined && Number.isInteger(days) && days >= 0 && days <= mostDays
    ? days
    : undefined;
}

/** A JSON object, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same object under lower-case keys; of two keys that differ by case alone the first counts. */
export function caseless(object: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(object)) {
    const lower = key.toLowerCase();
    if (!(lower in result)) result[lower] = object[key];
  }
  return result;
}

/** An id for a field documented as a number: a JSON number where that keeps the spelling. */
export function writeId(id: string): string | number {
  const value = Number(id);
  return /^\d+$/.test(id) && Number.isSafeInteger(value) && String(value) === id ? value : id;
}
