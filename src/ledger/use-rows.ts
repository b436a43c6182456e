import { type Fact, redemptions, states } from '../domain/assignment.ts';
import type { Use, UseAnswer, UsePlace } from '../domain/use.ts';
import type { Connection } from './pool.ts';

// The statements behind a report of uses, each for all reports of a transaction at once.

/** A customer's latest triggers of one campaign among which a use is looked for. */
const mostInstances = 100;

/** An assignment where it lives, as it stands under the lock of its batch. */
export interface Place extends UsePlace {
  campaign: number;
  batch: number;
  position: number;
}

type Where = Pick<Place, 'campaign' | 'batch' | 'position'>;

/** The assignments that a report may be about, by name, the oldest trigger first; without any it is the answer. */
export type Found = { answer: UseAnswer } | { names: string[] };

/** What happened to one assignment. */
export interface Change {
  place: Place;
  fact: Fact;
  value: number;
  cause: string;
}

export interface Used extends Use {
  place: Place;
  /** Its redemption was queued by it. */
  isQueued: boolean;
}

const findStatement = `
select w.place::int, c.ref as campaign, k.known as "isKnown", a.batch, a.position
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality
  as w(tenant, campaign, customer, code, place)
left join tenant t on t.name = w.tenant
left join campaign c on c.tenant = t.ref and c.id = w.campaign
left join lateral (select true as known from assignment a
  where a.campaign = c.ref and a.customer = md5(w.customer)::uuid limit 1) k on true
left join lateral (select a.batch, a.position, a.instance from assignment a
  where a.campaign = c.ref and a.customer = md5(w.customer)::uuid
    and a.code = array_position(c.codes, w.code)
  order by a.instance desc limit ${mostInstances}) a on true
order by w.place, a.instance`;

interface FoundRow {
  place: number;
  campaign: number | null;
  isKnown: boolean | null;
  batch: number | null;
  position: number | null;
}

const nameOf = ({ campaign, batch, position }: Where): string => `${campaign}/${batch}/${position}`;

/** Where the assignments live that these reports may be about; in their order. */
export async function findUsed(
  connection: Connection,
  reported: readonly (Use & { tenant: string })[],
): Promise<{ found: Found[]; wanted: Where[] }> {
  const { rows } = await connection.query<FoundRow>({
    name: 'find_used',
    text: findStatement,
    values: [
      reported.map(({ tenant }) => tenant),
      reported.map(({ campaignId }) => campaignId),
      reported.map(({ customerId }) => customerId),
      reported.map(({ promoCode }) => promoCode),
    ],
  });
  const wanted = new Map<string, Where>();
  const found: Found[] = [];
  for (const { place, campaign, isKnown, batch, position } of rows) {
    if (campaign === null) found[place - 1] = { answer: 'unknown_campaign' };
    else if (batch === null || position === null) {
      found[place - 1] = { answer: isKnown ? 'unknown_code' : 'unknown_customer' };
    } else {
      const name = nameOf({ campaign, batch, position });
      wanted.set(name, { campaign, batch, position });
      const known = found[place - 1];
      if (known && 'names' in known) known.names.push(name);
      else found[place - 1] = { names: [name] };
    }
  }
  return { found, wanted: [...wanted.values()] };
}

/** In the order of their keys, as everybody locks more than one. */
const lockStatement = `
select from unnest($1::int[], $2::int[]) as w(campaign, number)
cross join lateral (select from batch b where b.campaign = w.campaign and b.number = w.number
  for no key update) b`;

const readStatement = `
select w.place::int, f.state, f.redemption, u.redemption_id as "redemptionId",
  round(extract(epoch from u.used_at) * 1000)::float8 as "usedAt",
  f.state = any ($4) and exists (select from effect e where e.campaign = w.campaign and e.batch = w.batch
    and e.kind = 'allocate' and e.outcome is null and e.members @> w.position) as "isAwaited"
from unnest($1::int[], $2::int[], $3::int[]) with ordinality as w(campaign, batch, position, place)
cross join lateral (
  select fact_now(b.state, 'state', w.campaign, w.batch, w.position, b.folded) as state,
    fact_now(b.redemption, 'redemption', w.campaign, w.batch, w.position, b.folded) as redemption
  from batch b where b.campaign = w.campaign and b.number = w.batch offset 0) f
left join use u on u.campaign = w.campaign and u.batch = w.batch and u.position = w.position`;

/** States of what an unanswered allocation may have given. */
const open = (['screened', 'validated', 'lapsed'] as const).map((one) => states.indexOf(one));

interface PlaceRow {
  place: number;
  state: number;
  redemption: number;
  redemptionId: string | null;
  usedAt: number | null;
  isAwaited: boolean;
}

/**
 * Reads assignments, by name. The lock comes first and the question in a later statement, which sees what was
 * committed while the lock was waited for.
 */
export async function lockUsed(
  connection: Connection,
  wanted: readonly Where[],
): Promise<Map<string, Place>> {
  if (wanted.length === 0) return new Map();
  const batches = [...new Map(wanted.map((one) => [`${one.campaign}/${one.batch}`, one])).values()];
  batches.sort((a, b) => a.campaign - b.campaign || a.batch - b.batch);
  await connection.query({
    name: 'lock_used',
    text: lockStatement,
    values: [batches.map(({ campaign }) => campaign), batches.map(({ batch }) => batch)],
  });
  const { rows } = await connection.query<PlaceRow>({
    name: 'read_used',
    text: readStatement,
    values: [
      wanted.map(({ campaign }) => campaign),
      wanted.map(({ batch }) => batch),
      wanted.map(({ position }) => position),
      open,
    ],
  });
  return new Map<string, Place>(
    rows.flatMap(({ place, isAwaited, usedAt, redemptionId, ...facts }) => {
      const at = wanted[place - 1];
      const state = states[facts.state];
      const redemption = redemptions[facts.redemption];
      if (!at || !state || !redemption) return [];
      const use = usedAt === null ? undefined : { usedAt, redemptionId: redemptionId ?? undefined };
      return [[nameOf(at), { ...at, state, redemption, isAwaited, use }] as const];
    }),
  );
}

const appendStatement = `
insert into change (campaign, batch, position, fact, value, cause)
select * from unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::smallint[], $6::text[])`;

const keepStatement = `
insert into use (campaign, batch, position, used_at, redemption_id, rewards, code, queued)
select m.campaign, m.batch, m.position, to_timestamp(m.at / 1000), m.id, m.rewards::jsonb, m.code, m.queued
from unnest($1::int[], $2::int[], $3::int[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::boolean[])
  as m(campaign, batch, position, at, id, rewards, code, queued)`;

/** At the cadence of its campaign, and not later than what was queued before. */
const dueStatement = `
update batch b set redemptions_queued_at = coalesce(b.redemptions_queued_at, clock_timestamp()),
  redemptions_due_at = coalesce(b.redemptions_due_at, clock_timestamp()
    + coalesce((c.plan ->> 'redeemEveryMs')::float8, 0) * interval '1 ms')
from campaign c, (select distinct * from unnest($1::int[], $2::int[]) as q(campaign, number)) q
where b.campaign = q.campaign and b.number = q.number and c.ref = q.campaign`;

/** Writes what was used, and what happened by it; settlement then finds what is to be told. */
export async function writeUsed(
  connection: Connection,
  changes: readonly Change[],
  used: readonly Used[],
): Promise<void> {
  const placesOf = (list: readonly { place: Place }[]) => [
    list.map(({ place }) => place.campaign),
    list.map(({ place }) => place.batch),
    list.map(({ place }) => place.position),
  ];
  await connection.query({
    name: 'append_changes',
    text: appendStatement,
    values: [
      ...placesOf(changes),
      changes.map(({ fact }) => fact),
      changes.map(({ value }) => value),
      changes.map(({ cause }) => cause),
    ],
  });
  await connection.query({
    name: 'keep_uses',
    text: keepStatement,
    values: [
      ...placesOf(used),
      used.map(({ usedAt }) => usedAt),
      used.map(({ redemptionId }) => redemptionId ?? null),
      used.map(({ rewards }) => (rewards ? JSON.stringify(rewards) : null)),
      used.map(({ code }) => code ?? null),
      used.map(({ isQueued }) => isQueued),
    ],
  });
  const queued = used.filter(({ isQueued }) => isQueued);
  if (queued.length === 0) return;
  await connection.query({
    name: 'queue_used',
    text: dueStatement,
    values: [queued.map(({ place }) => place.campaign), queued.map(({ place }) => place.batch)],
  });
}
