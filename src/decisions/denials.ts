import { setTimeout as delay } from 'node:timers/promises';
import type { Plan } from '../domain/campaign.ts';
import { answerTriggers, type Finding, missing, takeIn } from '../ledger/answers.ts';
import { gather } from '../ledger/gathering.ts';
import { transaction } from '../ledger/pool.ts';
import { openTriggered } from '../ledger/triggered.ts';
import { type Asked, type Decision, reasonOf } from './asked.ts';
import type { Deciding } from './house.ts';

/** The most that is remembered of what the ledger does not know yet; the oldest are forgotten first. */
const mostRemembered = 100_000;
const mostAtOnce = 1_000;
const pauseMs = 250;

interface Denial {
  key: string;
  asked: Asked;
  decision: Decision;
  /** A true may have been written that nobody was told: the false that was told stands. */
  wasSettling: boolean;
}

export type Denials = ReturnType<typeof createDenials>;

/**
 * The falses that were told and that the ledger has yet to hear of. They are told at once, because nobody
 * else makes a true of them; until the ledger has them, this process answers their repeats itself.
 */
export function createDenials(house: Deciding, planOf: (asked: Asked) => Plan) {
  const told = new Map<string, Denial>();

  const writing = gather<Denial>(1, async (drain) => {
    const denials = drain.take(mostAtOnce).filter((one) => told.get(one.key) === one);
    if (denials.length === 0) return;
    try {
      await place(denials);
      await write(denials);
      for (const { key, asked } of denials) if (asked.instance !== undefined) told.delete(key);
      // Somebody else wrote the same instance at that moment: another look finds it.
      drain.putBack(denials.filter(({ asked }) => asked.instance === undefined));
    } catch (error) {
      house.log.warn({ error: String(error), waiting: told.size }, 'falses are not written yet');
      await delay(pauseMs, undefined, { ref: false });
      drain.putBack(denials);
    }
  });

  /** Those that never came as far as the ledger get their row now. */
  async function place(denials: readonly Denial[]): Promise<void> {
    const strangers = denials.map(({ asked }) => asked).filter((one) => one.instance === undefined);
    for (const asked of strangers) {
      const id = { tenant: asked.tenant, campaignId: asked.check.campaignId };
      asked.campaign ??= await openTriggered(house.pool, id, planOf(asked), []);
    }
    if (strangers.length === 0) return;
    const known = await takeIn(
      house.pool,
      strangers.map((asked) => ({
        campaign: asked.campaign?.row.ref ?? 0,
        customerId: asked.check.userId,
        leftMs: 0,
        ...repeatsOf(asked),
      })),
    );
    for (const [index, asked] of strangers.entries()) asked.instance = known[index]?.instance;
  }

  async function write(denials: readonly Denial[]): Promise<void> {
    const placed = denials.filter(({ asked }) => asked.instance !== undefined);
    const plain = placed.filter(({ wasSettling }) => !wasSettling);
    if (plain.length > 0) {
      const written = await answerTriggers(house.pool, plain.map(findingOf));
      for (const [index, one] of plain.entries()) {
        if (written[index]?.allowed) contradict(one);
        // It is placed anew, so that its repeats hear the same.
        if (written[index]?.reason === missing) one.asked.instance = undefined;
      }
    }
    for (const one of placed) if (one.wasSettling) await correct(one);
  }

  /** A true that nobody was told is made a false, and what it gave is given up, in one commit. */
  async function correct(denial: Denial): Promise<void> {
    const { asked } = denial;
    const follow = await transaction(house.pool, async (connection) => {
      const [standing] = await answerTriggers(connection, [findingOf(denial)]);
      if (!standing?.allowed) return asked.undo(connection);
      contradict(denial);
      return undefined;
    });
    follow?.();
  }

  /** Somebody was told true: what it gave stays, whatever this process has told. */
  function contradict({ asked }: Denial): void {
    const facts = { tenant: asked.tenant, campaign: asked.check.campaignId };
    house.log.warn(facts, 'one was told false of a trigger that others were told true of');
  }

  return {
    /** Whether a check with this key was told false, and the ledger may not know it. */
    has: (key: string): boolean => told.has(key),
    add(key: string, asked: Asked, decision: Decision, wasSettling: boolean): void {
      const denial = { key, asked, decision, wasSettling };
      told.set(key, denial);
      for (const oldest of told.keys()) {
        if (told.size <= mostRemembered) break;
        told.delete(oldest);
      }
      writing.add(denial);
    },
    waiting: (): number => told.size,
  };
}

function findingOf({ asked, decision, wasSettling }: Denial): Finding {
  return {
    campaign: asked.campaign?.row.ref ?? 0,
    customerId: asked.check.userId,
    instance: asked.instance ?? 0,
    allowed: false,
    reason: reasonOf(decision),
    isTold: wasSettling,
  };
}

/** Which triggers are one instance. */
export function repeatsOf({ settings }: Asked) {
  const { repeats, repeatWindowSeconds } = settings;
  return { windowMs: repeatWindowSeconds * 1_000, isOnce: repeats === 'once' };
}
