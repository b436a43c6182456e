import { noCode } from '../domain/words.ts';
import type { Drain } from '../ledger/gathering.ts';
import { givenBefore } from '../ledger/guards.ts';
import { type Asked, type Decision, leftOf } from './asked.ts';
import { failureOf } from './endings.ts';
import type { Line } from './line.ts';

/** Whether anything has to be asked before a check is let into its line. */
export function isScreened({ world, plan }: Line): boolean {
  return world.platform.screening || plan.limits.sameCodeDays !== undefined;
}

/** Our own rule that needs nobody to be asked: a careful tenant limits itself to some customers. */
export function isLeftOut({ plan }: Line, { check }: Asked): boolean {
  const { onlyCustomers } = plan.limits;
  return onlyCustomers.length > 0 && !onlyCustomers.includes(check.userId);
}

/** Asks the platform, and the ledger, of all who wait; whoever is denied is answered false. */
export async function screenAll(
  line: Line,
  drain: Drain<Asked>,
  pass: (asked: Asked) => void,
): Promise<void> {
  const asked = drain.take(line.mostPerPool).filter((one) => !one.isAnswered);
  if (asked.length === 0) return;
  try {
    const startedAt = performance.now();
    const denied = new Map([
      ...(await repeated(line, asked)),
      ...(await platformDenies(line, asked)),
    ]);
    line.screening.note(performance.now() - startedAt);
    for (const one of asked) {
      const reason = denied.get(one.check.userId);
      if (reason === undefined) pass(one);
      else one.answer(screenedOut(reason));
    }
  } catch (error) {
    for (const one of asked) one.answer(failureOf(line, error));
  }
}

export function screenedOut(reason: string): Decision {
  return { allowed: false, cause: 'screened_out', reason };
}

/** Whoever was given one of these codes by another campaign within the tenant's days. */
async function repeated(line: Line, asked: Asked[]): Promise<Map<string, string>> {
  const days = line.plan.limits.sameCodeDays;
  const codes = line.promoCodes.filter((code) => code !== noCode);
  if (days === undefined || codes.length === 0) return new Map();
  const of = { tenant: line.tenant, campaign: line.campaign.row.ref, days };
  const pairs = asked.flatMap(({ check }) =>
    codes.map((promoCode) => ({ customerId: check.userId, promoCode })),
  );
  const found = await givenBefore(line.house.pool, of, pairs);
  return new Map(found.map(({ customerId }) => [customerId, `same_code_within_${days}_days`]));
}

async function platformDenies(line: Line, asked: Asked[]): Promise<Map<string, string>> {
  const { platform } = line.world;
  if (!platform.screening) return new Map();
  const promoCodes = line.promoCodes.filter((code) => code !== noCode);
  const leftMs = Math.max(1, ...asked.map(leftOf));
  return platform.screen(
    {
      campaignId: line.campaign.row.campaignId,
      customers: asked.map(({ check }) => ({ customerId: check.userId, promoCodes })),
    },
    {
      rank: { ...line.urgencyOf(leftMs), stage: 0 },
      signal: AbortSignal.timeout(Math.ceil(leftMs)),
    },
  );
}
