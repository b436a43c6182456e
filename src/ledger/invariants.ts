import type pg from 'pg';
import { nextStep } from '../domain/effect.ts';
import { invariants as rules } from './invariant-rules.ts';
import type { Connection } from './pool.ts';
import { onlyRow } from './tenants.ts';

/** One invariant of the ledger, as it held when it was asked. */
export interface Invariant {
  number: number;
  rule: string;
  /** How much was looked at, and what the number counts. */
  checked: number;
  unit: string;
  violated: number;
  /** A few violations in words: campaign, batch and position, never a customer. */
  examples: string[];
  /** What is no violation and waits for its next step or for a person, in words. */
  listed: string[];
}

const mostExamples = 5;
const mostListed = 20;

/**
 * Checks every invariant on the live ledger, in one snapshot. A running campaign is judged by what must
 * hold at any instant; what must hold at the end is asked of closed campaigns alone.
 */
export async function verify(
  pool: pg.Pool,
  scope: { tenant?: string | undefined; campaign?: string | undefined } = {},
): Promise<Invariant[]> {
  const connection = await pool.connect();
  try {
    await connection.query('begin isolation level repeatable read read only');
    const refs = await campaignsOf(connection, scope);
    const checked: Invariant[] = [];
    for (const rule of rules) {
      const { number, unit } = rule;
      const count = await countOf(connection, rule.checked, refs);
      const violations = await examplesOf(connection, rule.violations, refs, mostExamples);
      const listed = number === 7 ? await unknownEffects(connection, refs) : [];
      checked.push({ number, rule: rule.rule, checked: count, unit, ...violations, listed });
    }
    return checked;
  } finally {
    await connection.query('rollback').catch(() => {});
    connection.release();
  }
}

async function campaignsOf(
  connection: Connection,
  { tenant, campaign }: { tenant?: string | undefined; campaign?: string | undefined },
): Promise<number[]> {
  const found = await connection.query<{ ref: number }>(
    `select c.ref from campaign c join tenant t on t.ref = c.tenant
     where ($1::text is null or t.name = $1) and ($2::text is null or c.id = $2) order by c.ref`,
    [tenant ?? null, campaign ?? null],
  );
  return found.rows.map((row) => row.ref);
}

async function countOf(connection: Connection, sql: string, refs: number[]): Promise<number> {
  const counted = await connection.query<{ count: number }>(
    `select coalesce((${sql}), 0)::float8 as count`,
    [refs],
  );
  return onlyRow(counted).count;
}

async function examplesOf(
  connection: Connection,
  violations: readonly string[],
  refs: number[],
  limit: number,
): Promise<{ violated: number; examples: string[] }> {
  const examples: string[] = [];
  let violated = 0;
  for (const sql of violations) {
    const found = await connection.query<{ count: number; examples: string[] | null }>(
      `select count(*)::int as count, (array_agg(example))[1:$2] as examples from (${sql}) v(example)`,
      [refs, limit],
    );
    const { count, examples: some } = onlyRow(found);
    violated += count;
    examples.push(...(some ?? []));
  }
  return { violated, examples: examples.slice(0, limit) };
}

/** The effects whose answer was lost, with what comes next. */
async function unknownEffects(connection: Connection, refs: number[]): Promise<string[]> {
  const found = await connection.query<{
    kind: Parameters<typeof nextStep>[0];
    campaign: string;
    batch: number;
    phase: string;
    members: number;
  }>(
    `select e.kind, c.id as campaign, e.batch, c.phase,
       (select sum(upper(r) - lower(r)) from unnest(e.members) r)::int as members
     from effect e join campaign c on c.ref = e.campaign
     where e.campaign = any ($1) and e.outcome is null and e.alive_until < clock_timestamp()
     order by e.id limit $2`,
    [refs, mostListed],
  );
  return found.rows.map(({ kind, campaign, batch, phase, members }) => {
    const isReport = kind === 'approve' || kind === 'deny';
    const next =
      isReport && phase === 'closed'
        ? 'event 13 will show who was sent'
        : nextStep(kind, 'assignments').replaceAll('_', ' ');
    return `campaign ${campaign}, batch ${batch}: ${kind} of ${members} unanswered; next: ${next}`;
  });
}
