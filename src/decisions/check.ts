import { type Check, saidOf } from '../domain/check.ts';
import { hasGate, type TenantSettings, triggeredPlan } from '../domain/tenant.ts';
import { createNumbers } from '../ledger/pools.ts';
import type { Promocode } from '../world.ts';
import { type Asked, ask, type Decision, leftOf } from './asked.ts';
import { createPace, type Pace } from './budget.ts';
import { createClaims } from './claim.ts';
import { createDenials } from './denials.ts';
import { createForwarding } from './forwarding.ts';
import type { Deciding, Memory } from './house.ts';
import { createIntake } from './intake.ts';
import { createLines } from './lines.ts';
import { mostWaiting } from './shedding.ts';
import { createTellings } from './tellings.ts';

export type Decisions = ReturnType<typeof createDecisions>;

/** A check, and its body as it came. */
export interface Question {
  check: Check;
  body: Buffer;
}

/** What is kept of the time for the last word of the ledger: a part, and so much at most. */
const lastWordShare = 0.1;
const lastWordMs = 150;

/** A promo code is asked for again after this long: it may have been made, or moved, meanwhile. */
const codeKnownForMs = 60_000;

/**
 * Decides checks, each within its tenant's budget: true only for who surely holds what was promised. A
 * check is answered by whoever comes first, once: its far sides, its time, or its process's own fault.
 */
export function createDecisions(house: Deciding) {
  const asking = new Map<string, Asked>();
  const settingsOf = new WeakMap<Asked, TenantSettings>();
  const planOf = (asked: Asked) => {
    const tenant = settingsOf.get(asked);
    if (!tenant) throw new Error('A check has lost its tenant');
    return triggeredPlan(tenant);
  };
  const denials = createDenials(house, planOf);
  const tellings = createTellings(house);
  const memory = createMemory(house);
  const lines = createLines(house, memory);
  const claims = createClaims(house, memory);
  const forward = createForwarding(house);
  const intake = createIntake(house, planOf, (asked) => {
    if (asked.settings.gate === 'publisher') void forward(asked);
    else lines.join(asked);
  });

  function begin(tenant: TenantSettings, { check, body }: Question, key: string): Asked {
    const { tenant: name, triggered: settings } = tenant;
    if (!settings) throw new Error(`Tenant ${name} has no gate`);
    const { budgetMs } = settings;
    const now = performance.now();
    const dueAt = now + budgetMs - Math.min(lastWordMs, budgetMs * lastWordShare);
    const asked = ask(
      { tenant: name, settings, check, said: saidOf(check), body, dueAt },
      (one, told, isWritten) => {
        clearTimeout(due);
        clearTimeout(over);
        if (asking.get(key) === one) asking.delete(key);
        if (!isWritten) denials.add(key, one, told, one.isSettling);
        else if (told.allowed && !one.isElsewhere && !one.isMarked) tellings.add(one);
      },
    );
    const due = setTimeout(() => {
      if (asked.isSettling) return;
      if (asked.isElsewhere) intake.giveUp(asked);
      else asked.answer({ allowed: false, cause: 'late' });
    }, leftOf(asked));
    // The ledger has not said which answer stands: false is told, and stands. After a stall timers come
    // before what has arrived meanwhile, which is heard first.
    const over = setTimeout(() => {
      setImmediate(() => asked.answer({ allowed: false, cause: 'ledger_away' }));
    }, budgetMs);
    settingsOf.set(asked, tenant);
    asking.set(key, asked);
    return asked;
  }

  return {
    /** Never rejects; a repeat that comes while the first is being decided hears its answer. */
    async decide(tenant: TenantSettings, question: Question): Promise<Decision> {
      const { check } = question;
      const { triggered } = tenant;
      if (!triggered || !hasGate(tenant)) return { allowed: false, cause: 'off' };
      if (check.isVisitor && !triggered.visitors) return { allowed: false, cause: 'visitor' };
      const key = JSON.stringify([tenant.tenant, check.campaignId, check.userId]);
      if (denials.has(key)) return { allowed: false, cause: 'repeat' };
      const first = asking.get(key);
      if (first) return { ...(await first.decision), cause: 'repeat' };
      const asked = begin(tenant, question, key);
      if (intake.waiting() >= mostWaiting) asked.answer({ allowed: false, cause: 'shed' });
      else void intake.enter(asked);
      return asked.decision;
    },
    /** The customer's own click asks for what a check, or event 5, has announced. */
    claim: claims.claim,
    /** Checks under way, and falses that the ledger has yet to hear of. */
    waiting: () => ({ checks: asking.size, denials: denials.waiting() }),
  };
}

function createMemory(house: Deciding): Memory {
  const paces = new Map<string, Pace>();
  const codes = new Map<string, { until: number; found: Promise<Promocode | undefined> }>();
  return {
    nextNumber: createNumbers(house.pool),
    paceOf(tenant, step) {
      const name = `${step} ${tenant}`;
      const pace = paces.get(name) ?? createPace();
      paces.set(name, pace);
      return pace;
    },
    async promocodeOf(tenant, code, find) {
      const name = JSON.stringify([tenant, code]);
      const known = codes.get(name);
      if (known && known.until > performance.now()) return known.found;
      const found = find();
      codes.set(name, { until: performance.now() + codeKnownForMs, found });
      // What failed is asked for again by the next.
      found.catch(() => codes.delete(name));
      return found;
    },
  };
}
