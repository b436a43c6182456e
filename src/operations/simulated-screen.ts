import { cut } from '../domain/batching.ts';
import { Fault } from '../domain/fault.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import { noCode } from '../domain/words.ts';
import { givenBefore } from '../ledger/guards.ts';
import { listCampaigns } from '../ledger/listing.ts';
import type { createPool } from '../ledger/pool.ts';
import { suppressed } from '../ledger/suppressions.ts';
import type { Reading, World } from '../world.ts';
import { persist } from './simulated-audience.ts';

/** A customer of a batch, with the codes it came with; `noCode` alone where it came with none. */
export interface SimulatedCustomer {
  customerId: string;
  promoCodes: string[];
}

export interface Screened {
  /** Why an assignment is screened out; undefined where it passes. */
  reasonOf(customerId: string, promoCode: string): string | undefined;
  /** Customers whom the platform was asked about. */
  asked: number;
}

interface Asked {
  pool: ReturnType<typeof createPool>;
  world: World;
  settings: TenantSettings;
  campaignId: string;
  /** The ledger's own number; undefined where it has not heard of the campaign. */
  ref: number | undefined;
  reading: Reading;
}

/**
 * Screens batch after batch by the rules of `stages/screen.ts`, and writes nothing: what a 413 of the platform
 * teaches is kept here alone. `size` is how many customers its screening takes at once, as far as is known.
 */
export async function createScreen(asked: Asked, learned: number | undefined) {
  const { pool, world, settings } = asked;
  const { limits, scheduled, tenant } = settings;
  const only = new Set(limits.onlyCustomers);
  // A ledger without a campaign of the tenant's has given nobody anything.
  const isFirst = (await listCampaigns(pool, tenant, 1)).length === 0;
  const days = isFirst ? undefined : limits.sameCodeDays;
  let size = Math.min(world.platform.maxItemsPerCall, learned ?? Infinity);

  async function screen(customers: readonly SimulatedCustomer[]): Promise<Screened> {
    const denied = new Map<string, string>();
    const ids = customers.map(({ customerId }) => customerId);
    if (only.size > 0) {
      for (const id of ids) if (!only.has(id)) denied.set(id, 'not_in_only_customers');
    }
    const repeated = await findRepeated(customers);
    const reason = `same_code_within_${days}_days`;
    if (scheduled.codes === 'all') for (const id of repeated.keys()) denied.set(id, reason);
    for (const [id, why] of await suppressed(pool, tenant, ids)) denied.set(id, why);
    const open = customers.filter(({ customerId }) => !denied.has(customerId));
    const isAsked = world.platform.screening;
    if (isAsked) for (const [id, why] of await askPlatform(open)) denied.set(id, why);
    return {
      asked: isAsked ? open.length : 0,
      reasonOf: (id, code) => denied.get(id) ?? (repeated.get(id)?.has(code) ? reason : undefined),
    };
  }

  /** By customer the codes that another campaign gave lately. */
  async function findRepeated(customers: readonly SimulatedCustomer[]) {
    const found = new Map<string, Set<string>>();
    if (days === undefined) return found;
    const pairs = customers.flatMap(({ customerId, promoCodes }) =>
      promoCodes.flatMap((promoCode) => (promoCode === noCode ? [] : { customerId, promoCode })),
    );
    // The ledger numbers from 1: zero excepts no campaign.
    const of = { tenant, campaign: asked.ref ?? 0, days };
    for (const { customerId, promoCode } of await givenBefore(pool, of, pairs)) {
      found.set(customerId, (found.get(customerId) ?? new Set()).add(promoCode));
    }
    return found;
  }

  async function askPlatform(customers: readonly SimulatedCustomer[]) {
    const { campaignId, reading } = asked;
    const denied = new Map<string, string>();
    let pieces = cut(customers, size);
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const request = { campaignId, customers: piece.map(withoutNoCode) };
      try {
        const ask = () => world.platform.screen(request, reading);
        for (const [id, why] of await persist(ask, reading.signal)) denied.set(id, why);
      } catch (error) {
        const isTooLarge = error instanceof Fault && error.kind === 'too_large';
        if (!isTooLarge || piece.length === 1) throw error;
        size = Math.floor(piece.length / 2);
        pieces = [piece, ...pieces].flatMap((one) => cut(one, size));
      }
    }
    return denied;
  }

  return { screen, size: () => size };
}

function withoutNoCode({ customerId, promoCodes }: SimulatedCustomer): SimulatedCustomer {
  return { customerId, promoCodes: promoCodes.filter((code) => code !== noCode) };
}
