/** The limiter's statements; the rules are in the migration beside `take_slot`. */
import type pg from 'pg';
import type { Rank, RateLimit, SlotRequest, Taken } from '../world.ts';

export function slotRequest(limit: RateLimit, rank: Rank, process: string): SlotRequest {
  const { bucket, requests, perMs, spaced } = limit;
  return { bucket, requests, windowMs: perMs, spaced, process, ...rank };
}

/** Asks for a slot; its value is the slot's id. In a transaction it is the last lock that is taken. */
export async function takeSlot(
  connection: pg.Pool | pg.ClientBase,
  request: SlotRequest,
): Promise<Taken<string>> {
  const { rows } = await connection.query<{ slot: string | null; wait_ms: number | null }>({
    name: 'take_slot',
    text: `select slot, wait_ms
      from take_slot($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000), $8)`,
    values: [
      request.bucket,
      request.requests,
      request.windowMs,
      request.spaced,
      request.process,
      request.class,
      request.deadline,
      request.stage,
    ],
  });
  const slot = rows[0]?.slot ?? null;
  if (slot === null) return { taken: false, retryInMs: rows[0]?.wait_ms ?? 0 };
  return { taken: true, value: slot };
}

export async function answerSlot(pool: pg.Pool, slot: string): Promise<void> {
  await pool.query('select answer_slot($1)', [slot]);
}

/** Nobody is granted a slot of the bucket for `forMs`, in whatever process. */
export async function pauseBucket(pool: pg.Pool, bucket: string, forMs: number): Promise<void> {
  await pool.query('select pause_bucket($1, $2)', [bucket, Math.ceil(forMs)]);
}

/** Takes this process's waiter of a class away, so that nobody lets it go first any more. */
export async function withdraw(
  pool: pg.Pool,
  waiter: { bucket: string; process: string; class: Rank['class'] },
): Promise<void> {
  await pool.query('delete from waiter where bucket = $1 and process = $2 and class = $3', [
    waiter.bucket,
    waiter.process,
    waiter.class,
  ]);
}
