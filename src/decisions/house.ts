import type { House } from '../stages/scene.ts';
import type { Promocode, World } from '../world.ts';
import type { Pace } from './budget.ts';

/** What decisions work with: the ledger, the limiter's turns, and each tenant's far sides. */
export interface Deciding extends House {
  worlds: ReadonlyMap<string, World>;
  /** Tells the settlement story that there may be a debt; at most once a second a tenant. */
  kickSettlement(tenant: string): void;
}

/** What this process has learned by the way, and may forget. */
export interface Memory {
  /** The number of a new pool. */
  nextNumber(): Promise<number>;
  /** How long a step of a tenant's far side takes: `validate`, `allocate`, `screen`. */
  paceOf(tenant: string, step: string): Pace;
  /** A promo code as Promotions knows it; undefined where it knows none of this name. */
  promocodeOf(
    tenant: string,
    code: string,
    find: () => Promise<Promocode | undefined>,
  ): Promise<Promocode | undefined>;
}
