import { hash } from 'node:crypto';
import { z } from 'zod';
import { has, mark, PUBLISHED, SCREENED_OUT, UPLOADED } from './books.ts';
import { type Answer, answer, type Call, readBody, refuse } from './call.ts';
import { type Campaign, codesHeldBy } from './campaign.ts';
import { localTime } from './local-time.ts';
import { indexOf, isControl } from './population.ts';
import { approve, awardCodes } from './promotions/award.ts';
import { isClosed } from './standing.ts';
import { campaignOf, type Tenant } from './tenant.ts';

const LARGEST_BATCH = 10_000;

const published = z.object({
  customerId: z.string(),
  actionId: z.union([z.int(), z.string()]).nullish(),
  promoCode: z.union([z.string(), z.array(z.string())]).nullish(),
});

const batchBody = z.object({
  campaignId: z.union([z.int(), z.string()]),
  clearanceRequiredBy: z.string(),
  batch: z.object({ id: z.string().min(1), index: z.int().positive(), count: z.int().positive() }),
  customers: z.array(published),
});

/** Who is in a batch, with the slots of his codes. */
interface Member {
  index: number;
  slots: number[];
}

/** A batch of screened customers is told from a forwarded trigger by its shape. */
export function kindOfTrigger(body: Buffer): 'publish' | 'trigger' {
  try {
    const told: unknown = JSON.parse(body.toString('utf8'));
    const isBatch = typeof told === 'object' && told !== null && 'batch' in told;
    return isBatch && 'customers' in told ? 'publish' : 'trigger';
  } catch {
    return 'trigger';
  }
}

/**
 * The publisher takes a batch (API §10.8): it answers, and then validates, uploads and reports by itself. The
 * same batch again answers the same and does nothing.
 */
export function takeBatch(call: Call): Answer {
  const body = readBody(call, batchBody);
  const { batch, customers, campaignId } = body;
  if (customers.length > LARGEST_BATCH) {
    refuse(413, 'Content Too Large', `at most ${LARGEST_BATCH} customers a batch`);
  }
  if (batch.index > batch.count) refuse(400, 'Bad Request', 'batch.index is above batch.count');
  const campaign = campaignOf(call.tenant, campaignId, call.kind);
  if (campaign === undefined) return refuse(404, 'Not Found', `no campaign ${campaignId}`);
  const answered = answer(202, { batchId: batch.id, accepted: customers.length });
  const digest = hash('sha1', call.body, 'base64');
  const before = campaign.batches.get(batch.id);
  if (before !== undefined && before !== digest) {
    campaign.violations.add('batch id reused', campaign.id, '-', batch.id);
    return refuse(422, 'Unprocessable Content', 'this batch id came with another body');
  }
  if (before !== undefined) return answered;
  campaign.batches.set(batch.id, digest);
  judgeBatch(call, campaign, body);
  const members = customers.flatMap((each) => enter(campaign, each) ?? []);
  // Nobody who ends the process waits for the publisher.
  setTimeout(() => {
    work(call.tenant, campaign, members);
  }, campaign.options.publisherDelayMs).unref();
  return answered;
}

function judgeBatch(call: Call, campaign: Campaign, body: z.output<typeof batchBody>): void {
  const { violations, id, deadlineMs, deadlinesMs } = campaign;
  const [first] = body.customers;
  const customerId = first?.customerId ?? '-';
  const detail = `${body.customers.length} customers`;
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, customerId, `published ${detail}`);
  }
  if (deadlineMs !== undefined && call.arrivedAtMs >= deadlineMs) {
    violations.add('published after deadline', id, customerId, detail);
  }
  const { timeZone } = call.tenant.options;
  const told = deadlinesMs.map((each) => localTime(each, timeZone));
  if (!told.includes(body.clearanceRequiredBy)) {
    const deadline = `clearanceRequiredBy ${body.clearanceRequiredBy} is not ${told.at(-1)}`;
    violations.add('published otherwise', id, customerId, deadline);
  }
  if (campaign.options.flow !== 'publisher') {
    violations.add('published otherwise', id, customerId, 'it is another flow');
  }
}

/** Writes down that he was handed over; undefined for whom this campaign does not know. */
function enter(
  campaign: Campaign,
  { customerId, promoCode }: z.output<typeof published>,
): Member | undefined {
  const { violations, id, population, books, options } = campaign;
  const index = indexOf(population, customerId);
  if (index < 0) {
    violations.add('not targeted', id, customerId, 'published');
    return undefined;
  }
  if (isControl(population, index)) violations.add('control group', id, customerId, 'published');
  if (has(books.customers, index, SCREENED_OUT)) {
    violations.add('screened out', id, customerId, 'published');
  }
  if (has(books.sending, index, PUBLISHED)) violations.add('published twice', id, customerId);
  mark(books.sending, index, PUBLISHED);
  const codes = typeof promoCode === 'string' ? promoCode.split(',') : (promoCode ?? []);
  const slots = codes.map((code) => options.codes.indexOf(code.trim()));
  const targeted = codesHeldBy(campaign, index);
  const known = slots.filter((slot) => slot >= 0 && slot < targeted);
  if (known.length < slots.length) {
    violations.add('not targeted', id, customerId, `published with ${codes.join(',')}`);
  }
  return { index, slots: known };
}

/** What it does by itself: Promotions decides, the rewards are uploaded, the eligible approved in time. */
function work(tenant: Tenant, campaign: Campaign, members: Member[]): void {
  if (campaign.canceledAtMs !== undefined) return;
  const { books, deadlineMs } = campaign;
  const isInTime = deadlineMs === undefined || Date.now() < deadlineMs;
  for (const { index, slots } of members) {
    const { anything, suffices } = awardCodes(tenant, campaign, index, slots);
    if (anything) mark(books.customers, index, UPLOADED);
    if (suffices && isInTime) approve(tenant, campaign, index);
  }
}
