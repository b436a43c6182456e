import type pg from 'pg';
import { rowsOf, runningCampaign } from '../ledger/ledger.ts';

/** A running campaign of acme with five customers, none of whom was given anything. */
export function openLedgerCampaign(
  pool: pg.Pool,
  campaignId: string,
  given: { deadlineInMs?: number } = {},
) {
  return runningCampaign(pool, rowsOf(5), { id: { tenant: 'acme', campaignId }, ...given });
}
