import fc from 'fast-check';

/** Field names as a client's proxy may have spelled them: every letter in either case, `_` kept. */
export function recase(body: unknown, coins: readonly boolean[], keep: ReadonlySet<string>) {
  let at = 0;
  const flip = (letter: string) => {
    at += 1;
    return coins[at % coins.length] ? letter.toUpperCase() : letter.toLowerCase();
  };
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => {
        const spelled = [...name].map(flip).join('');
        return [spelled, keep.has(name) ? each : walk(each)];
      }),
    );
  };
  return walk(body);
}

export const coins = fc.array(fc.boolean(), { minLength: 7, maxLength: 31 });

/** The same codes in every form that receivers have met. */
export const codeForms = (codes: readonly string[]) =>
  fc.constantFrom<unknown[]>(
    codes,
    codes.join(','),
    codes.join(' , '),
    [codes.join(',')],
    codes.length === 0 ? null : [...codes, codes[0]],
  );

export const someCodes = fc.uniqueArray(fc.stringMatching(/^[A-Z][A-Z0-9]{1,8}$/), {
  maxLength: 3,
});

/** An id, and how it may be written. */
export const idForms = fc
  .nat({ max: 9_999_999 })
  .chain((id) => fc.tuple(fc.constant(String(id)), fc.constantFrom<unknown[]>(id, String(id))));
