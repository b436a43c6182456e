import { APPROVED, has, mark, SENT } from '../books.ts';
import { type Campaign, codesHeldBy } from '../campaign.ts';
import { wholeSecond } from '../local-time.ts';
import { falls, isControl } from '../population.ts';
import { approve, awardCodes } from '../promotions/award.ts';
import type { Tenant } from '../tenant.ts';

/** One channel through which a campaign was sent. */
export interface Execution {
  channelId: number;
  /** ScheduleTime: the wire tells whole seconds. */
  scheduledAtMs: number;
  /** The indexes of those it reached, and of those listed as ended; made when they are asked for. */
  reached: Uint32Array | undefined;
  ended: Uint32Array | undefined;
}

const NOT_SENT = 30;
const CHANNEL = 31;
const LEFT_OUT = 32;

/** So many customers are decided at once; between them the far sides answer. */
const AT_ONCE = 20_000;

/**
 * Sends the campaign through these channels. Who is sent is decided once, by the first: the approved;
 * of a campaign that was never on hold, everybody but the control group; nobody after a cancellation.
 */
export async function executeCampaign(
  tenant: Tenant,
  campaign: Campaign,
  channels: number[],
): Promise<void> {
  campaign.choosing ??= chooseSent(tenant, campaign);
  await campaign.choosing;
  const nowMs = wholeSecond(Date.now());
  for (const channelId of channels) {
    if (campaign.executions.some((each) => each.channelId === channelId)) continue;
    const laterMs = (campaign.options.scheduledInSeconds[channelId] ?? 0) * 1000;
    const scheduledAtMs = wholeSecond(nowMs + laterMs);
    campaign.executions.push({ channelId, scheduledAtMs, reached: undefined, ended: undefined });
  }
  campaign.executedAtMs ??= Date.now();
}

async function chooseSent(tenant: Tenant, campaign: Campaign): Promise<void> {
  if (campaign.canceledAtMs !== undefined || campaign.trigger !== undefined) return;
  const { population, books, options } = campaign;
  const { flow, notSentShare } = options;
  const conditional = isConditional(campaign);
  for (let index = 0; index < population.total; index += 1) {
    if (index % AT_ONCE === AT_ONCE - 1) await new Promise(setImmediate);
    if (isControl(population, index)) continue;
    if (flow === 'automatic') decideAlone(tenant, campaign, index);
    if (conditional && !has(books.customers, index, APPROVED)) continue;
    if (!falls(population, NOT_SENT, index, notSentShare)) mark(books.sending, index, SENT);
  }
}

/** Was anybody asked who may be sent? */
function isConditional({ announced, options, calls }: Campaign): boolean {
  const decidesAlone = options.flow === 'publisher' || options.flow === 'automatic';
  return announced || decidesAlone || calls.has('status');
}

/** Guide "Auto Flow", steps 2 to 4: rewards, allocation and status, before event 13. */
function decideAlone(tenant: Tenant, campaign: Campaign, index: number): void {
  const slots = Array.from({ length: codesHeldBy(campaign, index) }, (_, slot) => slot);
  if (awardCodes(tenant, campaign, index, slots).suffices) approve(tenant, campaign, index);
}

/** Did this channel bring it to this customer? */
export function isReached(campaign: Campaign, { channelId }: Execution, index: number): boolean {
  if (!has(campaign.books.sending, index, SENT)) return false;
  const { channelShare } = campaign.options;
  return (
    channelShare >= 1 || falls(campaign.population, CHANNEL + channelId * 64, index, channelShare)
  );
}

/** Did any channel bring it to him so far? */
export function isSent(campaign: Campaign, index: number): boolean {
  return campaign.executions.some((execution) => isReached(campaign, execution, index));
}

/** The indexes of all whom a channel reached, in their order. */
export function reachedBy(campaign: Campaign, execution: Execution): Uint32Array {
  execution.reached ??= pick(campaign.population.total, (index) =>
    isReached(campaign, execution, index),
  );
  return execution.reached;
}

/** Those of them who are listed when the campaign has ended. */
export function endedOf(campaign: Campaign, execution: Execution): Uint32Array {
  const share = campaign.options.endedLeftOutShare;
  execution.ended ??= reachedBy(campaign, execution).filter(
    (index) => !falls(campaign.population, LEFT_OUT, index, share),
  );
  return execution.ended;
}

function pick(total: number, isIn: (index: number) => boolean): Uint32Array {
  const picked = new Uint32Array(total);
  let count = 0;
  for (let index = 0; index < total; index += 1) {
    if (!isIn(index)) continue;
    picked[count] = index;
    count += 1;
  }
  return picked.slice(0, count);
}
