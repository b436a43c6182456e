import { z } from 'zod';
import { readId } from '../wire/atoms.ts';

/** Read from whatever JSON holds; a message never quotes the value. */
export function readBy<T>(read: (value: unknown) => T | undefined, message: string) {
  return z.unknown().transform((value, context): T => {
    const found = read(value);
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

export const id = readBy(readId, 'must be a text or a number of at most 256 characters');
