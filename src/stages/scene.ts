import type { Plan } from '../domain/campaign.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import type { BatchRow } from '../ledger/columns.ts';
import type { Pool } from '../ledger/pool.ts';
import type { Log, Meter, Turns, World } from '../world.ts';

/** What every stage works with, whichever batch it works on. */
export interface House {
  pool: Pool;
  turns: Turns;
  log: Log;
  metrics: Meter;
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
