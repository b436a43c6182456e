import { createColumn } from '../column.ts';
import { createKeyTable } from '../key-table.ts';

/** The states a key can have at the platform; 0 is "never heard of". */
export const UNKNOWN = 0;
export const ALLOCATED = 1;
export const DECLINED = 2;
export const REVOKED = 3;
/** Revoked before it was ever allocated: it answers `unknown`, and can never be allocated. */
export const BARRED = 4;

/** Everything the platform remembers of a key: 30 bytes, without the key itself. */
export function createKeys() {
  const table = createKeyTable();
  const states = createColumn(8);
  const campaigns = createColumn(16);
  const positions = createColumn(32);
  return {
    find: table.find,
    add(key: string, state: number, campaign: number, position: number): number {
      const entry = table.add(key);
      states.set(entry, state);
      campaigns.set(entry, campaign);
      positions.set(entry, position);
      return entry;
    },
    state: states.get,
    setState: states.set,
    campaign: campaigns.get,
    position: positions.get,
  };
}

export type Keys = ReturnType<typeof createKeys>;
