import { createStopwatch, type Stopwatch, type Times } from './stopwatch.ts';

/** How the shop's claims went. */
export interface ClaimCounts {
  /** Claims sent, with doubles and what was sent again because the door was busy. */
  claims: number;
  doubles: number;
  strangers: number;
  granted: number;
  alreadyGranted: number;
  /** A no in words: 4xx with a reason. */
  refused: number;
  /** 429 or 503. */
  busy: number;
  /** Neither a grant nor a problem with a reason. */
  malformed: number;
  unanswered: number;
  connectionFailures: number;
}

export interface ClaimBooks {
  counts: ClaimCounts;
  /** How often each reason was told. */
  reasons: Map<string, number>;
  answers: Stopwatch;
  /** What a customer and code was granted first, as text: a second answer must say the same. */
  grants: Map<string, string>;
  troubles: string[];
  /** The next customer, or place in the list of the sent, that the shop looks at. */
  next: number;
  /** Ids of claims are drawn from here. */
  drawn: number;
}

export interface ClaimMeasures extends ClaimCounts, Times {
  open: number;
  reasons: Record<string, number>;
  /** Customers with a grant, and those of them that Optimove was told of. */
  customersGranted: number;
  customersConfirmed: number;
  troubles: string[];
}

export function openClaimBooks(): ClaimBooks {
  return {
    counts: {
      claims: 0,
      doubles: 0,
      strangers: 0,
      granted: 0,
      alreadyGranted: 0,
      refused: 0,
      busy: 0,
      malformed: 0,
      unanswered: 0,
      connectionFailures: 0,
    },
    reasons: new Map(),
    answers: createStopwatch(),
    grants: new Map(),
    troubles: [],
    next: 0,
    drawn: 0,
  };
}

export function readClaims(
  { counts, reasons, answers, troubles }: ClaimBooks,
  customers: { customersGranted: number; customersConfirmed: number },
): ClaimMeasures {
  const { claims, granted, alreadyGranted, refused, busy, malformed } = counts;
  const ended = granted + alreadyGranted + refused + busy + malformed;
  return {
    ...counts,
    ...answers.read(),
    open: claims - ended - counts.unanswered - counts.connectionFailures,
    reasons: Object.fromEntries(reasons),
    ...customers,
    troubles: troubles.slice(),
  };
}
