/** What the control API was asked for, taken from path and body. */
export interface Asked {
  tenant: string;
  /** The part of the path after the collection's name: campaign or code. */
  id: string;
  last: string;
  body: unknown;
}

/** One line of the control API. */
export type Order = [method: string, path: RegExp, status: number, act: (asked: Asked) => unknown];

/** The whole path, with its changing parts in parentheses. */
export const at = (path: string) => new RegExp(`^${path}$`);
