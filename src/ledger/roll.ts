import type pg from 'pg';
import type { State } from '../domain/assignment.ts';
import type { Roll } from '../domain/roll.ts';

// The customers of a campaign whom a person has to look at.

/** One assignment of such a customer. */
export interface RollLine {
  customerId: string;
  promoCode: string;
  state: State;
  reason: string | null;
  /** When the platform says that it was used, epoch milliseconds. */
  usedAt: number | null;
  /** Goes on after this line. */
  place: string;
}

const conditions: Record<Roll, string> = {
  used: `m.state = 'used'`,
  not_sent: `m.state = 'allocated' and m.clearance = 'approved' and b.sent is not null
    and not b.sent @> m.position`,
  unknown: `m.clearance = 'unknown'`,
};

/** Assignments of a campaign on one roll, in their order, from after a place on. */
export async function readRoll(
  pool: pg.Pool,
  ref: number,
  roll: Roll,
  page: { limit: number; after?: string | undefined },
): Promise<RollLine[]> {
  const [batch = 0, position = 0] = (page.after ?? '0.0').split('.').map(Number);
  const found = await pool.query<RollLine>(
    `select m.customer as "customerId", m.code as "promoCode", m.state, m.reason,
       round(extract(epoch from u.used_at) * 1000)::float8 as "usedAt",
       m.batch || '.' || m.position as place
     from member m
     join batch b on b.campaign = m.campaign and b.number = m.batch
     left join use u on u.campaign = m.campaign and u.batch = m.batch and u.position = m.position
     where m.campaign = $1 and (m.batch, m.position) > ($2, $3) and ${conditions[roll]}
     order by m.batch, m.position limit $4`,
    [ref, batch, position, page.limit],
  );
  return found.rows;
}
