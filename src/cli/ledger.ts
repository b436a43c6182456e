import type { Environment } from '../config/environment.ts';
import { createPool, type Pool } from '../ledger/pool.ts';
import { ledgerMissing } from '../ledger/readiness.ts';
import { Failure } from './failure.ts';
import { readGatewayNote } from './gateway-note.ts';

/** Works on the ledger itself, of DATABASE_URL or of the data folder; throws a Failure without one. */
export async function withLedger<T>(
  environment: Environment,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const { dataFolder } = environment;
  const url = environment.databaseUrl ?? readGatewayNote(dataFolder)?.databaseUrl;
  if (url === undefined) {
    const message = `There is no ledger in ${dataFolder}: set DATABASE_URL, or PROMOFLOW_DATA.`;
    throw new Failure(message, 2);
  }
  const pool = createPool(url, 1);
  try {
    const missing = await ledgerMissing(pool);
    if (missing !== undefined) throw new Failure(`${missing}. Is promoflow started?`);
    return await work(pool);
  } finally {
    await pool.end();
  }
}
