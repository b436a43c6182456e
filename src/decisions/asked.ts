import type { Check, Said } from '../domain/check.ts';
import type { TriggeredSettings } from '../domain/tenant.ts';
import type { Connection } from '../ledger/pool.ts';
import type { Trigger } from '../ledger/told.ts';
import type { TriggeredCampaign } from '../ledger/triggered.ts';

/** Why a check was answered as it was: one of few words, which the figures count by. */
export const causes = [
  'given',
  'passed',
  'repeat',
  'off',
  'unreadable',
  'visitor',
  'not_triggered',
  'fenced',
  'held',
  'halted',
  'suppressed',
  'screened_out',
  'refused',
  'declined',
  'late',
  'shed',
  'failed',
  'ledger_away',
] as const;
export type Cause = (typeof causes)[number];

/** What a check is answered, and why. */
export interface Decision {
  allowed: boolean;
  cause: Cause;
  /** In more words, where somebody said them. */
  reason?: string;
}

/** A check on its way through this process, until it has its one answer. */
export interface Asked {
  tenant: string;
  settings: TriggeredSettings;
  check: Check;
  said: Said;
  /** As it came, for whoever decides in our place. */
  body: Buffer;
  /** By the process's own clock: from then on the ledger lets no answer become true. */
  dueAt: number;
  /** Known once it has been taken in. */
  campaign: TriggeredCampaign | undefined;
  instance: number | undefined;
  /** Somebody else brings it to its answer, and the ledger tells us which. */
  isElsewhere: boolean;
  /** A true is being written now: only the ledger knows which answer stands. */
  isSettling: boolean;
  /** Its true is marked as told before it is. */
  isMarked: boolean;
  /**
   * Takes back what a true gave that was written and that nobody was told, in the commit that makes a false of
   * it. What it returns is done once that stands.
   */
  undo: (connection: Connection) => Promise<(() => void) | undefined>;
  isAnswered: boolean;
  decision: Promise<Decision>;
  /** The first answer counts; those that follow are not heard. `written`: the ledger has it. */
  answer(decision: Decision, written?: 'written'): void;
}

export function ask(
  of: Pick<Asked, 'tenant' | 'settings' | 'check' | 'said' | 'body' | 'dueAt'>,
  onAnswered: (asked: Asked, decision: Decision, isWritten: boolean) => void,
): Asked {
  const { promise, resolve } = Promise.withResolvers<Decision>();
  const asked: Asked = {
    ...of,
    campaign: undefined,
    instance: undefined,
    isElsewhere: false,
    isSettling: false,
    isMarked: false,
    undo: async () => undefined,
    isAnswered: false,
    decision: promise,
    answer(decision, written) {
      if (asked.isAnswered) return;
      asked.isAnswered = true;
      resolve(decision);
      onAnswered(asked, decision, written !== undefined);
    },
  };
  return asked;
}

/** What is left of its time, milliseconds. */
export function leftOf({ dueAt }: Asked): number {
  return dueAt - performance.now();
}

/** Its name in the ledger, once it has been taken in. */
export function triggerOf({ campaign, check, instance }: Asked): Trigger {
  return {
    campaign: campaign?.row.ref ?? 0,
    customerId: check.userId,
    instance: instance ?? 0,
  };
}

/** As it stands in the ledger. */
export function reasonOf({ cause, reason }: Decision): string {
  return reason === undefined ? cause : `${cause}: ${reason}`;
}

/** What the ledger answered, in the words of the figures. */
export function decisionOf(
  answered: { allowed: boolean; reason: string | undefined },
  otherwise: Cause,
): Decision {
  const [word] = (answered.reason ?? '').split(':');
  const cause = causes.find((one) => one === word) ?? otherwise;
  return { allowed: answered.allowed, cause };
}
