import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { executedSpan, type Plan } from '../../src/domain/campaign.ts';
import { automaticRecipe, executionsRecipe, type Flow } from '../../src/domain/flow.ts';
import { type Audience, cutAudience } from '../../src/ledger/audience.ts';
import { fixSpan, type Span } from '../../src/ledger/fulfilment-spans.ts';
import {
  type Fulfilment,
  type FulfilmentId,
  openFulfilment,
  recordExecution,
} from '../../src/ledger/fulfilments.ts';
import { stagePage, stagingOf } from '../../src/ledger/pages.ts';
import type { AudienceRow } from '../../src/world.ts';
import { plan } from './ledger.ts';

export const dayMs = 86_400_000;

/** The plan of a campaign that begins with event 13. */
export function executedPlan(flow: Flow = 'executions', given: Partial<Plan> = {}): Plan {
  const executed = flow === 'automatic' ? automaticRecipe : executionsRecipe;
  return { ...plan, flow, recipe: [], executed, durationDays: 0, ...given };
}

export function fulfilmentId(given: Partial<FulfilmentId> = {}): FulfilmentId {
  return { tenant: `t-${randomUUID()}`, campaignId: '4711', channel: '504', ...given };
}

/** Event 13 has come, and its fulfilment has been opened. */
export async function openedFulfilment(
  pool: pg.Pool,
  id: FulfilmentId,
  given: { plan?: Plan; at?: number } = {},
): Promise<Fulfilment> {
  const told = { at: given.at ?? Date.now(), plan: given.plan ?? executedPlan() };
  await recordExecution(pool, id, told);
  const opening = await openFulfilment(pool, id);
  if (!('fulfilment' in opening)) throw new Error(`the fulfilment is ${opening.next}`);
  return opening.fulfilment;
}

/** Stages one page of a fulfilment's own list. */
export async function stageOf(
  pool: pg.Pool,
  { ref, number }: Pick<Fulfilment, 'ref' | 'number'>,
  rows: AudienceRow[],
  page = 0,
): Promise<void> {
  const { first } = stagingOf(number);
  await stagePage(pool, ref, first, page, { rows, length: rows.length, controls: 0, malformed: 0 });
}

/** Cuts what was staged, by default for seven days from now on. */
export async function cutOf(
  pool: pg.Pool,
  { ref, number }: Pick<Fulfilment, 'ref' | 'number'>,
  of: { leadTimeDays?: number; durationDays?: number; from?: number } = {},
): Promise<Audience & Span> {
  const { leadTimeDays = 0, durationDays = 7, from = Date.now() } = of;
  const span = await fixSpan(
    pool,
    { ref, number },
    executedSpan(from, { leadTimeDays, durationDays }),
  );
  const fulfilment = { number, ...span, isDelayed: leadTimeDays > 0, durationDays };
  return { ...(await cutAudience(pool, ref, { fulfilment })), ...span };
}

/** Who stands in which batch of a campaign, with the code. */
export async function batchesOf(pool: pg.Pool, ref: number) {
  const found = await pool.query<{
    number: number;
    fulfilment: number | null;
    people: number;
    members: string[];
  }>(
    `select b.number, b.fulfilment, b.people, array_agg(
       (string_to_array(b.customers, chr(31)))[a.position] || ' ' || c.codes[a.code] order by a.position) as members
     from batch b join campaign c on c.ref = b.campaign
     join assignment a on a.campaign = b.campaign and a.batch = b.number
     where b.campaign = $1 group by b.campaign, b.number order by b.number`,
    [ref],
  );
  return found.rows;
}
