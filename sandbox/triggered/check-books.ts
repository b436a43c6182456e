import { createStopwatch, type Times } from './stopwatch.ts';

/** How the checks of a campaign went. Each answered one is one of allowed, denied and late. */
export interface CheckCounts {
  checks: number;
  repeats: number;
  visitors: number;
  /** In time. */
  allowed: number;
  denied: number;
  /** Answered after the deadline, whatever it was, by the instant the check was meant for. */
  late: number;
  /** Late, though the gate had the check soon enough: the sandbox itself was behind. */
  lateByUs: number;
  wrongUser: number;
  /** Another status than 200, or a body that says nothing. */
  malformed: number;
  /** No answer came, long after the deadline. */
  unanswered: number;
  connectionFailures: number;
}

export interface CheckBooks {
  counts: CheckCounts;
  /** Times of answers from the instant the check was meant for. */
  answers: ReturnType<typeof createStopwatch>;
  /** How much later than meant the sandbox had a connection for a check. */
  sending: ReturnType<typeof createStopwatch>;
  /** The last that went wrong on the way, in words. */
  troubles: string[];
}

/** What the verdict and the control tell of the checks. */
export interface CheckMeasures extends CheckCounts, Times {
  /** Checks after which the customer was sent the campaign. */
  sent: number;
  notSent: number;
  /** Still without an answer. */
  open: number;
  sendLagP99Ms: number;
  sendLagMaxMs: number;
  troubles: string[];
}

export function openCheckBooks(): CheckBooks {
  return {
    counts: {
      checks: 0,
      repeats: 0,
      visitors: 0,
      allowed: 0,
      denied: 0,
      late: 0,
      lateByUs: 0,
      wrongUser: 0,
      malformed: 0,
      unanswered: 0,
      connectionFailures: 0,
    },
    answers: createStopwatch(),
    sending: createStopwatch(),
    troubles: [],
  };
}

export function readChecks({ counts, answers, sending, troubles }: CheckBooks): CheckMeasures {
  const { allowed, denied, late, wrongUser, malformed, unanswered, connectionFailures } = counts;
  const ended = allowed + denied + late + wrongUser + malformed + unanswered + connectionFailures;
  const lag = sending.read();
  return {
    ...counts,
    ...answers.read(),
    sent: allowed,
    notSent: ended - allowed,
    open: counts.checks - ended,
    sendLagP99Ms: lag.p99Ms,
    sendLagMaxMs: lag.maxMs,
    troubles: troubles.slice(),
  };
}

const TROUBLES_KEPT = 20;

export function noteTrouble(troubles: string[], detail: string): void {
  troubles.push(detail);
  if (troubles.length > TROUBLES_KEPT) troubles.shift();
}
