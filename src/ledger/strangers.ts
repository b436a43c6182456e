import type { Flow } from '../domain/flow.ts';
import { repairOfStranger } from '../domain/reconciliation.ts';
import type { Connection } from './pool.ts';

/** Sweeps of the pages on which a far side's list stands. */
interface Sweeps {
  first: number;
  last: number;
}

const strangers = { sent: 'sent_unknown', awarded: 'awarded_unknown' } as const;

/** Whom the far sides name and the ledger does not know: who is found again stays, who is not is closed. */
export async function writeStrangers(
  connection: Connection,
  ref: number,
  run: string,
  named: readonly (Sweeps & { staged: 'sent' | 'awarded' })[],
  flow: Flow,
): Promise<void> {
  await connection.query(
    'create temp table stranger (customer text, code text, verdict text, repair text) on commit drop',
  );
  for (const { staged, first, last } of named) {
    const verdict = strangers[staged];
    // Where the sending itself promises something, it promises each code apart.
    const same = staged === 'sent' && flow !== 'executions' ? 'true' : 's.code = a.code';
    await connection.query(
      `insert into stranger select min(s.customer), coalesce(c.codes[s.code], ''), $4, $5
       from campaign c cross join (
         select r.hash, r.code, r.customer from page p
         cross join lateral unnest(p.hashes, p.codes, p.customers) as r(hash, code, customer)
         where p.campaign = $1 and p.sweep between $2 and $3) s
       where c.ref = $1 and not exists (
         select from assignment a where a.campaign = $1 and a.customer = s.hash and ${same})
       group by s.hash, s.code, c.codes`,
      [ref, first, last, verdict, repairOfStranger(verdict, flow)],
    );
  }
  await connection.query(
    `insert into difference (tenant, campaign, customer, code, verdict, repair, found_by)
     select c.tenant, $1, s.customer, s.code, s.verdict, s.repair, $2
     from campaign c cross join stranger s where c.ref = $1
     on conflict (campaign, verdict, customer, code, instance) where closed_at is null do nothing`,
    [ref, run],
  );
  await connection.query(
    `update difference d set closed_at = clock_timestamp(),
       repaired_at = case when d.repaired_by is not null then clock_timestamp() end
     where d.campaign = $1 and d.batch is null and d.closed_at is null and not exists (
       select from stranger s
       where s.customer = d.customer and s.code = d.code and s.verdict = d.verdict)`,
    [ref],
  );
}
