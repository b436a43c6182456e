import { has, mark, REWARDED, SCREENED, SCREENED_OUT } from './books.ts';
import { type Answer, answer, type Call, refuse } from './call.ts';
import { type Campaign, positionOf } from './campaign.ts';
import { idOf, indexOf, isVisitor } from './population.ts';
import { decide } from './promotions/validation.ts';
import { isClosed } from './standing.ts';
import { campaignOf, type Tenant } from './tenant.ts';
import { isQuestion } from './triggered/bodies.ts';
import type { Trigger } from './triggered/trigger.ts';

/**
 * The optimove-optipromo-publisher (API §10.8): a trigger is forwarded to it as it came, and it answers
 * as a gate does. It awards what Promotions would.
 */
export function decideTrigger(call: Call): Answer {
  const text = call.body.toString('utf8');
  const asked = readAsked(text);
  if (asked === undefined) return refuse(400, 'Bad Request', 'this is not the body of a check');
  const { userId, campaignId } = asked;
  const campaign = campaignOf(call.tenant, campaignId, call.kind);
  const trigger = campaign?.trigger;
  if (campaign === undefined || trigger === undefined) {
    return refuse(400, 'Bad Request', `no triggered campaign ${campaignId}`);
  }
  const index = indexOf(campaign.population, userId);
  judgeForwarded(call, campaign, trigger, { index, userId }, text);
  const instance = (trigger.begun[index] ?? 0) - 1;
  const allowed = instance >= 0 && award(call.tenant, campaign, index, instance);
  return answer(200, { user_id: userId, allowed });
}

/** The spelling is the tenant's trouble; here any casing will do. */
function readAsked(text: string): { userId: string; campaignId: string } | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const userId = at(at(body, 'user'), 'user_id');
  const campaignId = at(at(body, 'campaign'), 'id');
  if (typeof userId !== 'string' || campaignId === undefined) return undefined;
  return { userId, campaignId: String(campaignId) };
}

function at(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([each]) => each.toLowerCase() === name)?.[1];
}

function judgeForwarded(
  call: Call,
  campaign: Campaign,
  trigger: Trigger,
  { index, userId }: { index: number; userId: string },
  text: string,
): void {
  const { violations, id, population, books } = campaign;
  const isVisiting = index >= 0 && isVisitor(population, index);
  if (!isQuestion(id, trigger.options, { userId, isVisitor: isVisiting }, text)) {
    violations.add(
      'forwarded otherwise',
      id,
      userId,
      'this is not the body that the gate was sent',
    );
  }
  if (isClosed(campaign, call.arrivedAtMs)) {
    violations.add('effect after cancellation', id, userId, 'forwarded');
  }
  if (isVisiting && !trigger.options.visitorsAllowed) {
    violations.add('visitor', id, userId, 'forwarded');
  }
  if (index >= 0 && has(books.customers, index, SCREENED_OUT)) {
    violations.add('screened out', id, userId, 'forwarded');
  }
}

/** Awards what the codes bring, once an instance; true when that is enough. */
function award(tenant: Tenant, campaign: Campaign, index: number, instance: number): boolean {
  const { books, options } = campaign;
  if (options.codes.length === 0) {
    mark(books.customers, index, SCREENED);
    return true;
  }
  const awarded = options.codes.map((code, slot) => {
    const promotion = tenant.promotions.get(code);
    const position = positionOf(campaign, index, slot, instance);
    if (has(books.assignments, position, REWARDED)) {
      campaign.violations.add(
        'validated again',
        campaign.id,
        idOf(campaign.population, index),
        `${code}: forwarded twice`,
      );
      return true;
    }
    return (
      promotion && typeof decide(tenant, campaign, promotion, { index, position }, {}) !== 'string'
    );
  });
  return options.approvalNeeds === 'any' ? awarded.some(Boolean) : awarded.every(Boolean);
}
