import pg from 'pg';

/**
 * The ledger's connections, `size` at most. As many as are `kept` stay open when nobody has asked for a while:
 * whoever waits for an answer does not wait for a server process to be started and to learn its statements.
 * Errors of idle connections are the next query's to report.
 */
export function createPool(url: string, size = 20, kept = 0): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: size,
    // What is asked without waiting goes out at once, and is answered in order.
    pipeline: true,
    connectionTimeoutMillis: 5_000,
    application_name: 'promoflow',
    min: kept,
    // A writer that lost its process must not keep a lock for others to wait on.
    idle_in_transaction_session_timeout: 10_000,
  });
  pool.on('error', () => {});
  return pool;
}

export type Connection = pg.ClientBase;
export type Pool = pg.Pool;

/**
 * Runs `work` in one transaction; whatever it throws rolls back. It begins by the statements `first`, which
 * are one message to the server, sent with the first of the work: where they fail, so does all that follows.
 */
export async function transaction<T>(
  pool: pg.Pool,
  work: (connection: Connection) => Promise<T>,
  first = 'begin',
): Promise<T> {
  const connection = await pool.connect();
  let broken: Error | undefined;
  // The statement under way rejects as well; without a listener the event would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  connection.on('error', onError);
  try {
    const [, result] = await Promise.all([connection.query(first), work(connection)]);
    await connection.query('commit');
    return result;
  } catch (error) {
    await connection.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    connection.off('error', onError);
    connection.release(broken);
  }
}

/** Lock classes of the advisory locks, in the order in which they are taken. */
export const lockClass = { tenant: 1, campaign: 2, cut: 3 } as const;

/**
 * Takes a campaign's advisory lock exclusively: whoever sets a fence, a hold or an instant. It queues
 * fairly behind the effects that are beginning now, and none that begins later misses the change.
 */
export async function lockCampaign(connection: Connection, ref: number): Promise<void> {
  await connection.query("set local lock_timeout = '5s'");
  await connection.query('select pg_advisory_xact_lock($1, $2)', [lockClass.campaign, ref]);
}

/**
 * Two who cut for one campaign, such as fulfilments of two channels, must not give the same customer the same
 * code. It takes seconds, and no effect and no fence waits for it.
 */
export async function lockCut(connection: Connection, ref: number): Promise<void> {
  await connection.query('select pg_advisory_xact_lock($1, $2)', [lockClass.cut, ref]);
}

export async function lockTenant(connection: Connection, ref: number): Promise<void> {
  await connection.query("set local lock_timeout = '5s'");
  await connection.query('select pg_advisory_xact_lock($1, $2)', [lockClass.tenant, ref]);
}
