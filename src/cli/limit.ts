import { InvalidArgumentError } from 'commander';

/** Reads how many lines are asked for; `most` is what the operator API gives at once. */
export function limitUpTo(most: number): (text: string) => number {
  return (text) => {
    const limit = Number(text);
    if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}
