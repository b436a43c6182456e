import type { Variables } from './environment.ts';
import type { Mistake } from './mistakes.ts';

/** A mistake at a place of the tenant file, before that place is put into words. */
export interface Misplaced extends Omit<Mistake, 'path'> {
  place: PropertyKey[];
}

/**
 * Replaces `${NAME}` inside every text by the variable of that name, after the file was parsed: no
 * value can change the file's structure, and none is looked through again.
 */
export function substitute(
  value: unknown,
  variables: Variables,
  mistakes: Misplaced[],
  place: PropertyKey[] = [],
): unknown {
  if (typeof value === 'string') return fill(value, variables, mistakes, place);
  if (Array.isArray(value)) {
    return value.map((each, index) => substitute(each, variables, mistakes, [...place, index]));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      substitute(each, variables, mistakes, [...place, key]),
    ]),
  );
}

function fill(text: string, variables: Variables, mistakes: Misplaced[], place: PropertyKey[]) {
  return text.replace(/\$\{([^}]*)\}?/g, (_whole, name: string) => {
    const found = /^[A-Za-z_]\w*$/.test(name);
    const filling = found ? variables[name] : undefined;
    if (filling) return filling;
    const message = found
      ? `the variable ${name} is not set`
      : 'between the braces must stand the name of a variable';
    mistakes.push({ place, message });
    return '';
  });
}
