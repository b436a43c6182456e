import { createStopwatch, type Stopwatch, type Times } from './stopwatch.ts';

/** How the events 11 of a campaign went. */
export interface EventCounts {
  /** Deliveries; an event that is doubled counts twice. */
  events: number;
  doubles: number;
  /** Taken: answered with any 2xx. */
  heard: number;
  /** Answered with another status. */
  refused: number;
  unanswered: number;
  connectionFailures: number;
  /** Kept from being sent by a fault. */
  lost: number;
}

export interface EventBooks {
  counts: EventCounts;
  answers: Stopwatch;
  troubles: string[];
}

export interface EventMeasures extends EventCounts, Times {
  open: number;
  troubles: string[];
}

export function openEventBooks(): EventBooks {
  return {
    counts: {
      events: 0,
      doubles: 0,
      heard: 0,
      refused: 0,
      unanswered: 0,
      connectionFailures: 0,
      lost: 0,
    },
    answers: createStopwatch(),
    troubles: [],
  };
}

export function readEvents({ counts, answers, troubles }: EventBooks): EventMeasures {
  const { events, heard, refused, unanswered, connectionFailures, lost } = counts;
  return {
    ...counts,
    ...answers.read(),
    open: events - heard - refused - unanswered - connectionFailures - lost,
    troubles: troubles.slice(),
  };
}
