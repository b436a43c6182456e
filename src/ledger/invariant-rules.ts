/** One invariant in SQL; `$1` is the campaigns asked for. */
export interface Rule {
  number: number;
  rule: string;
  unit: string;
  /** Counts what is looked at. */
  checked: string;
  /** Each selects one text a violation. */
  violations: readonly string[];
}

/** A lost call that was recovered by reading acted only on whom the reading found. */
const isWhole = (effect: string): string =>
  `coalesce(${effect}.detail, '') <> 'recovered by reading'`;

const at = (effect: string): string =>
  `'campaign ' || c.id || ', batch ' || ${effect}.batch || ', positions '`;

/** Pairs of answered calls of one kind over the same members. */
const twice = (kind: string): string => `
  select ${at('a')} || (a.members * b.members)::text || ': ${kind}d twice'
  from effect a
  join effect b on b.campaign = a.campaign and b.batch = a.batch and b.kind = a.kind and b.id > a.id
    and b.members && a.members
  join campaign c on c.ref = a.campaign
  where a.campaign = any ($1) and a.kind = '${kind}' and a.outcome = 'done' and b.outcome = 'done'
    and ${isWhole('a')} and ${isWhole('b')}`;

const membersOf = (kinds: string): string => `
  select sum(upper(r) - lower(r)) from effect e cross join lateral unnest(e.members) r
  where e.campaign = any ($1) and e.kind in (${kinds})`;

const effectsOf = (kinds: string): string =>
  `select count(*) from effect e where e.campaign = any ($1) and e.kind in (${kinds})`;

const placed = `'campaign ' || c.id || ', batch ' || m.batch || ', position ' || m.position`;

/** Where rewards are claimed, approved is who passed the screen, whatever came of the claim. */
const isClaimed = `coalesce(c.plan ? 'claims', false)`;
const passed = `('screened', 'validated', 'refused', 'declined', 'lapsed', 'moved')`;

/** The states in which a member holds, or held until it was taken back. */
const gave = `('allocated', 'used', 'expired', 'revoked', 'cleared')`;

export const invariants: readonly Rule[] = [
  {
    number: 1,
    rule: 'at most one allocation of an assignment ever took effect',
    unit: 'allocations asked for',
    checked: membersOf(`'allocate'`),
    violations: [
      twice('allocate'),
      `select ${at('a')} || (a.members * r.members)::text || ': allocated after it was taken back'
       from effect a
       join effect r on r.campaign = a.campaign and r.batch = a.batch and r.kind = 'revoke'
         and r.outcome = 'done' and r.members && a.members and r.answered < a.begun
       join campaign c on c.ref = a.campaign
       where a.campaign = any ($1) and a.kind = 'allocate' and a.outcome = 'done'`,
    ],
  },
  {
    number: 2,
    rule: 'whoever was approved held the reward, at the moment of approval',
    unit: 'approvals',
    checked: `select sum(upper(r) - lower(r)) from effect e
      cross join lateral unnest((e.kept ->> 'approved')::int4multirange) r
      where e.campaign = any ($1) and e.kind = 'approve' and e.outcome = 'done'`,
    violations: [
      // Where any one code is enough, the customer's other codes may stand as they like.
      `select ${placed} || ': approved, but ' || m.state
       from member m join campaign c on c.ref = m.campaign
       where m.campaign = any ($1) and m.clearance = 'approved' and m.state not in ${gave}
         and not (${isClaimed} and m.state in ${passed})
         and coalesce(c.plan ->> 'codes', 'all') = 'all'`,
      `select 'campaign ' || c.id || ', batch ' || m.batch || ', position ' || min(m.position)
         || ': approved, and holds none of its codes'
       from member m join campaign c on c.ref = m.campaign
       where m.campaign = any ($1) and c.plan ->> 'codes' = 'any' and not ${isClaimed}
       group by c.id, m.campaign, m.batch, m.customer
       having bool_or(m.clearance = 'approved') and not bool_or(m.state in ${gave})`,
      `select ${at('e')} || p::text || ': approved before it was allocated'
       from effect e
       join campaign c on c.ref = e.campaign and coalesce(c.plan ->> 'codes', 'all') = 'all'
       join batch b on b.campaign = e.campaign and b.number = e.batch
       cross join lateral unnest((e.kept ->> 'approved')::int4multirange - coalesce((
         select range_agg(r) from effect a cross join lateral unnest(a.members) r
         where a.campaign = e.campaign and a.batch = e.batch and a.kind = 'allocate'
           and a.outcome = 'done' and a.answered <= e.begun), '{}')) p
       where e.campaign = any ($1) and e.kind = 'approve' and not ${isClaimed}
         and exists (select from generate_series(lower(p), upper(p) - 1) i
           where c.codes[place_at(b.code, i)] <> '')`,
    ],
  },
  {
    number: 3,
    rule: 'a unique code goes out once, and no success is validated again',
    unit: 'rewards',
    checked: `select count(*) from member m where m.campaign = any ($1) and m.rewards is not null`,
    violations: [
      twice('validate'),
      `select 'one unique code was given to ' || count(*) || ' assignments, campaigns '
         || string_agg(distinct c.id, ', ')
       from batch b
       join campaign c on c.ref = b.campaign
       cross join lateral string_to_table(b.unique_codes, chr(31)) line
       cross join lateral string_to_table(line, E'\\n') split(unique_code)
       where b.campaign = any ($1) and split.unique_code <> ''
       group by c.tenant, split.unique_code having count(*) > 1`,
    ],
  },
  {
    number: 4,
    rule: 'after a fence nothing begins but what it admits, and every allocation is taken back',
    unit: 'effects of fenced campaigns',
    checked: `select count(*) from effect e join campaign c on c.ref = e.campaign
      where e.campaign = any ($1) and c.fence is not null`,
    violations: [
      `select ${at('e')} || e.members::text || ': ' || e.kind || ' begun after the fence'
       from effect e
       join campaign c on c.ref = e.campaign and e.begun > c.fenced_at
       join admission a on a.kind = e.kind and a.standing = c.fence and a.until = 'never'
       where e.campaign = any ($1)`,
      `select ${placed} || ': still allocated after the cancellation ended'
       from member m join campaign c on c.ref = m.campaign
       where m.campaign = any ($1) and m.state = 'allocated' and c.summary ->> 'reason'
         = case c.fence when 'deleted' then 'deleted' when 'operator' then 'canceled' end`,
    ],
  },
  {
    number: 5,
    rule: 'a closed campaign has decided every member of its audience, with the reason',
    unit: 'assignments of closed campaigns',
    checked: `select sum(b.size) from batch b join campaign c on c.ref = b.campaign
      where b.campaign = any ($1) and c.phase = 'closed'`,
    violations: [
      `select ${placed} || ': ' || m.state || ', told ' || m.clearance
         || coalesce(', ' || m.reason, ', without a reason')
       from member m join campaign c on c.ref = m.campaign
       where m.campaign = any ($1) and c.phase = 'closed' and case
         when m.state in ('screened_out', 'refused', 'declined', 'lapsed', 'revoked')
           then m.reason is null
         when m.state = 'allocated'
           then c.fence is null and m.clearance not in ('approved', 'unknown', 'delegated')
         -- The publisher tells Optimove of whoever was handed over, and event 13 what came of it.
         when m.state = 'published' then c.fence is not null or m.clearance <> 'delegated'
         when m.state = 'cleared' then c.fence is null and m.clearance = 'none'
         when ${isClaimed} and m.state in ('screened', 'validated')
           then c.fence is null and m.clearance not in ('approved', 'unknown')
         else m.state not in ('used', 'expired', 'moved') end`,
      `select 'campaign ' || c.id || ': ' || keys.count || ' keys for ' || members.count || ' members'
       from campaign c
       cross join lateral (select count(*) from assignment a where a.campaign = c.ref) keys
       cross join lateral (select coalesce(sum(octet_length(b.state)), 0) - (select count(*)
           from change h where h.campaign = c.ref and h.cause = 'moved') as count
         from batch b where b.campaign = c.ref) members
       where c.ref = any ($1) and c.phase = 'closed' and keys.count <> members.count`,
    ],
  },
  {
    number: 6,
    rule: 'nothing is reported after the deadline, but that an approved customer has claimed',
    unit: 'reports',
    checked: effectsOf(`'approve', 'deny'`),
    violations: [
      `select ${at('e')} || e.members::text || ': ' || e.kind || ' begun after the deadline'
       from effect e join campaign c on c.ref = e.campaign
       where e.campaign = any ($1) and e.kind in ('approve', 'deny') and e.begun >= c.deadline`,
    ],
  },
  {
    number: 7,
    rule: 'every effect has an outcome, or is listed as unknown with its next step',
    unit: 'effects',
    checked: 'select count(*) from effect e where e.campaign = any ($1)',
    violations: [
      `select ${at('e')} || e.members::text || ': ' || e.kind || ' was left without an outcome'
       from effect e join campaign c on c.ref = e.campaign
       where e.campaign = any ($1) and c.phase = 'closed' and e.outcome is null
         and e.kind in ('allocate', 'upload') and e.alive_until < c.closed_at`,
      `select ${at('e')} || e.members::text || ': ' || e.kind || ' has half an outcome'
       from effect e join campaign c on c.ref = e.campaign
       where e.campaign = any ($1) and (e.outcome is null) <> (e.answered is null)`,
    ],
  },
];
