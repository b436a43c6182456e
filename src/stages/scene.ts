import type { Plan } from '../domain/campaign.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import type { BatchRow } from '../ledger/columns.ts';
import type { SlotRequest } from '../ledger/effects.ts';
import type { Pool } from '../ledger/pool.ts';
import type { Log, Rank, RateLimit, World } from '../world.ts';

/** Waits for the turn of a request and takes it; implemented by the limiter. */
export interface Turns {
  next<T>(
    limit: RateLimit | undefined,
    rank: Rank,
    take: (slot: SlotRequest | undefined) => Promise<Taken<T>>,
    signal: AbortSignal,
  ): Promise<T>;
  /** A 429 came all the same: every process pauses. */
  pause(limit: RateLimit, forMs: number): Promise<void>;
}

export type Taken<T> = { taken: true; value: T } | { taken: false; retryInMs: number };

/** What every stage works with, whichever batch it works on. */
export interface House {
  pool: Pool;
  turns: Turns;
  log: Log;
}

/** One batch of one campaign, claimed by one attempt of one stage. */
export interface Scene extends House {
  world: World;
  campaign: CampaignRow;
  plan: Plan;
  batch: BatchRow;
  /** Looked at between calls; never aborts an effect on the wire. */
  signal: AbortSignal;
}

/** Why a stage ended before all its members had passed; the next pass, or the deadline, goes on. */
export type Stop = 'fenced' | 'held' | 'halted' | 'late' | 'superseded';
