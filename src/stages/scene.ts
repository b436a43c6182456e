import type { Plan } from '../domain/campaign.ts';
import type { EffectKind } from '../domain/effect.ts';
import type { Met } from '../domain/executed.ts';
import type { CampaignRow } from '../ledger/campaigns.ts';
import type { BatchRow } from '../ledger/columns.ts';
import type { Settlement } from '../ledger/effects.ts';
import type { Pool } from '../ledger/pool.ts';
import type { Log, Meter, Rank, Turns, World } from '../world.ts';

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
  /** Whose answer somebody waits for goes before all bulk work, the earliest due first. */
  urgency?: Pick<Rank, 'class' | 'deadline'>;
  /** By customer what event 11 said of him: Promotions and the platform are told of it. */
  met?: ReadonlyMap<string, Met>;
  /** Settles a done effect in place of `settle`, with whatever else is to be committed with it. */
  settleDone?: (kind: EffectKind, settlement: Settlement) => Promise<unknown>;
}

/** Why a stage ended before all its members had passed; the next pass, or the deadline, goes on. */
export type Stop = 'fenced' | 'held' | 'halted' | 'late' | 'superseded';
