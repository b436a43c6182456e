import type pg from 'pg';
import type { FarSide } from '../domain/words.ts';
import { tenantRef } from './tenants.ts';

/** What one process has heard of one far side since it last wrote it down; readings of `Date.now()`. */
interface Heard {
  tenant: string;
  farSide: FarSide;
  answeredAt: number | undefined;
  /** The first call without an answer since the last one that had one. */
  failingSince: number | undefined;
  failedAt: number | undefined;
}

/**
 * Remembers when each far side answered last, and since when it does not, for all processes together.
 * Written every few seconds while calls are made; what cannot be written then is forgotten.
 */
export function createContacts(pool: pg.Pool, { writeEveryMs } = { writeEveryMs: 5_000 }) {
  const heard = new Map<string, Heard>();
  let timer: NodeJS.Timeout | undefined;

  async function write(): Promise<void> {
    timer = undefined;
    const all = [...heard.values()];
    heard.clear();
    for (const one of all) await writeContact(pool, one).catch(() => {});
  }

  return {
    /** A call of this far side was answered, or failed. */
    note(tenant: string, farSide: FarSide, isAnswered: boolean): void {
      const key = `${tenant}/${farSide}`;
      const known: Heard = heard.get(key) ?? {
        ...{ tenant, farSide, answeredAt: undefined, failingSince: undefined, failedAt: undefined },
      };
      const now = Date.now();
      if (isAnswered) {
        known.answeredAt = now;
        known.failingSince = undefined;
      } else {
        known.failedAt = now;
        known.failingSince ??= now;
      }
      heard.set(key, known);
      timer ??= setTimeout(() => void write(), writeEveryMs).unref();
    },
    stop(): void {
      clearTimeout(timer);
    },
  };
}

/** By the database's clock: processes tell how long ago it was. An answer ends every earlier silence. */
async function writeContact(pool: pg.Pool, heard: Heard): Promise<void> {
  const now = Date.now();
  const agoOf = (at: number | undefined) => (at === undefined ? null : now - at);
  await pool.query(
    `insert into contact as c (tenant, far_side, answered_at, failing_since, failed_at)
     select $1, $2, n.now - $3::float8 * n.ms, n.now - $4::float8 * n.ms, n.now - $5::float8 * n.ms
     from (select clock_timestamp() as now, interval '1 ms' as ms) n
     on conflict (tenant, far_side) do update set
       answered_at = greatest(c.answered_at, excluded.answered_at),
       failing_since = case when excluded.answered_at is not null then excluded.failing_since
         else coalesce(c.failing_since, excluded.failing_since) end,
       failed_at = greatest(c.failed_at, excluded.failed_at)`,
    [
      await tenantRef(pool, heard.tenant),
      heard.farSide,
      agoOf(heard.answeredAt),
      agoOf(heard.failingSince),
      agoOf(heard.failedAt),
    ],
  );
}
