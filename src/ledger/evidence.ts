import type pg from 'pg';
import { countsStrangers } from '../domain/reconciliation.ts';
import { emptyPages } from './audience.ts';
import type { CampaignRow } from './campaigns.ts';
import { forgetStaged, stagingOf } from './pages.ts';
import { type Connection, transaction } from './pool.ts';
import { writeStrangers } from './strangers.ts';
import { onlyRow } from './tenants.ts';

// What the far sides say of a campaign's customers, staged page by page and laid beside the batches.

/** Numbers of the stagings below a campaign: far above those of its fulfilments. */
export const stagings = { sent: 190, awarded: 191, ended: 192 } as const;
export type Staged = keyof typeof stagings;

/**
 * A run that has shown no sign of life for so long is dead, and another may take its place; at once where it has
 * ended, or another run about the same has begun.
 */
const claimMs = 900_000;

/**
 * Claims one staging of a campaign for a run. What another run had staged is forgotten; one's own is gone on with.
 * `taken`: another run is at it. Called again, the claim is kept alive.
 */
export async function claimEvidence(
  pool: pg.Pool,
  campaign: number,
  staged: Staged,
  run: string,
): Promise<'claimed' | 'staged' | 'taken'> {
  const staging = stagings[staged];
  const mine = await pool.query<{ staged: boolean }>(
    `update evidence_claim set claimed_at = clock_timestamp()
     where campaign = $1 and staging = $2 and run = $3 returning staged_at is not null as staged`,
    [campaign, staging, run],
  );
  if (mine.rows[0]) return mine.rows[0].staged ? 'staged' : 'claimed';
  const claimed = await pool.query(
    `insert into evidence_claim as e (campaign, staging, run, claimed_at)
     values ($1, $2, $3, clock_timestamp())
     on conflict (campaign, staging) do update
       set run = excluded.run, claimed_at = excluded.claimed_at, staged_at = null
       where e.claimed_at < clock_timestamp() - $4 * interval '1 ms'
         or not exists (select from reconciliation r where r.run = e.run and r.ended_at is null)`,
    [campaign, staging, run, claimMs],
  );
  if (claimed.rowCount === 0) return 'taken';
  await forgetStaged(pool, campaign, stagingOf(staging));
  return 'claimed';
}

/** A run is still at work below a campaign. */
export async function keepEvidence(pool: pg.Pool, campaign: number, run: string): Promise<void> {
  await pool.query(
    'update evidence_claim set claimed_at = clock_timestamp() where campaign = $1 and run = $2',
    [campaign, run],
  );
}

/** Lets the next run have what this one has staged, below one campaign or below all, and forgets it. */
export async function releaseEvidence(
  pool: pg.Pool,
  run: string,
  campaign: number | null = null,
): Promise<void> {
  const released = await pool.query<{ campaign: number; staging: number }>(
    `delete from evidence_claim where run = $1
       and ($2::int is null or campaign = $2 and staging <> $3) returning campaign, staging`,
    [run, campaign, stagings.ended],
  );
  for (const { campaign: ref, staging } of released.rows) {
    await forgetStaged(pool, ref, stagingOf(staging));
  }
}

/** What a far side's list of ended actions is held against: the campaign below which it is staged. */
export interface EndsBelow {
  host: number;
  /** Days on which a campaign can have begun that ended then, as numbers; an action without one counts. */
  begun: { from: number; to: number };
}

/**
 * Lays what was staged beside the batches, and writes down whom the far sides name and the ledger does not know.
 * Once a run; then the pages are emptied. Customers stay in the ledger throughout.
 */
export async function layEvidence(
  pool: pg.Pool,
  campaign: Pick<CampaignRow, 'ref' | 'plan'>,
  run: string,
  of: { hasAwards: boolean; ends: EndsBelow | undefined },
): Promise<void> {
  const { ref, plan } = campaign;
  await transaction(pool, async (connection) => {
    const claim = await connection.query<{ staged: boolean }>(
      `select staged_at is not null as staged from evidence_claim
       where campaign = $1 and staging = $2 and run = $3 for update`,
      [ref, stagings.sent, run],
    );
    if (!claim.rows[0]) throw new Error('Another run has taken the evidence over');
    if (claim.rows[0].staged) return;
    await connection.query("set local work_mem = '128MB'");
    // The planner takes an unnested page for a handful of rows; a loop over a million of them never ends.
    await connection.query('set local enable_nestloop = off');
    await connection.query('delete from evidence where campaign = $1', [ref]);
    await connection.query(
      `insert into evidence (campaign, batch, run, sent, awarded, ended)
       select $1, number, $2, '{}', case when $3 then '{}'::int4multirange end,
         case when $4 then '{}'::int4multirange end
       from batch where campaign = $1`,
      [ref, run, of.hasAwards, of.ends !== undefined],
    );
    await lay(connection, ref, 'sent');
    if (of.hasAwards) await lay(connection, ref, 'awarded');
    if (of.ends) await layEnds(connection, ref, of.ends);
    const flow = plan?.flow ?? 'managed';
    const named = [
      ...(countsStrangers(flow) ? (['sent'] as const) : []),
      ...(of.hasAwards ? (['awarded'] as const) : []),
    ];
    const lists = named.map((staged) => ({ staged, ...stagingOf(stagings[staged]) }));
    await writeStrangers(connection, ref, run, lists, flow);
    await emptyPages(connection, ref, stagingOf(stagings.sent));
    await emptyPages(connection, ref, stagingOf(stagings.awarded));
    await connection.query(
      `update evidence_claim set staged_at = clock_timestamp()
       where campaign = $1 and staging = $2`,
      [ref, stagings.sent],
    );
  });
}

/** An award is of one code; whoever was sent a campaign was sent all of its codes. */
const sameCode = { sent: 'true', awarded: 's.code = a.code' } as const;

const stagedRows = `
  select distinct r.hash, r.code from page p
  cross join lateral unnest(p.hashes, p.codes) as r(hash, code)
  where p.campaign = $1 and p.sweep between $2 and $3`;

async function lay(connection: Connection, ref: number, staged: 'sent' | 'awarded'): Promise<void> {
  const { first, last } = stagingOf(stagings[staged]);
  await connection.query(
    `update evidence e set ${staged} = f.named
     from (
       select a.batch, range_agg(int4range(a.position, a.position + 1)) as named
       from assignment a join (${stagedRows}) s on s.hash = a.customer and ${sameCode[staged]}
       where a.campaign = $1 group by a.batch) f
     where e.campaign = $1 and e.batch = f.batch`,
    [ref, first, last],
  );
}

async function layEnds(
  connection: Connection,
  ref: number,
  { host, begun }: EndsBelow,
): Promise<void> {
  const { first, last } = stagingOf(stagings.ended);
  await connection.query(
    `update evidence e set ended = f.named
     from (
       select a.batch, range_agg(int4range(a.position, a.position + 1)) as named
       from assignment a join (
         select distinct r.hash from page p
         cross join lateral unnest(p.hashes, p.actions) as r(hash, began)
         where p.campaign = $2 and p.sweep between $3 and $4
           and (r.began = 0 or r.began between $5 and $6)) s on s.hash = a.customer
       where a.campaign = $1 group by a.batch) f
     where e.campaign = $1 and e.batch = f.batch`,
    [ref, host, first, last, begun.from, begun.to],
  );
}

/** The next batches of a campaign that a run has not looked at yet, behind the one with this number. */
export async function batchesToReconcile(
  pool: pg.Pool,
  campaign: number,
  run: string,
  { after, most }: { after: number; most: number },
): Promise<number[]> {
  const found = await pool.query<{ batch: number }>(
    `select batch from evidence where campaign = $1 and run = $2 and looked_at is null and batch > $3
     order by batch limit $4`,
    [campaign, run, after, most],
  );
  return found.rows.map(({ batch }) => batch);
}

/** Customers whose action ended, and of whom no campaign that ended with it knows anything. */
export async function countUnlisted(
  pool: pg.Pool,
  host: number,
  campaigns: readonly number[],
): Promise<number> {
  const { first, last } = stagingOf(stagings.ended);
  const counted = await pool.query<{ customers: number }>(
    `select count(*)::int as customers from (
       select distinct hash from page p cross join lateral unnest(p.hashes) hash
       where p.campaign = $1 and p.sweep between $2 and $3) s
     where not exists (
       select from assignment a where a.campaign = any ($4) and a.customer = s.hash)`,
    [host, first, last, campaigns],
  );
  return onlyRow(counted).customers;
}
