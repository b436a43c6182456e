import { fits } from './budget.ts';

/** The most checks that wait in one line: what is above is answered false at once. */
export const mostWaiting = 20_000;

/** How a line stands for a check that would join it. */
export interface Queue {
  /** Checks of this line that wait already, and how many a pool takes. */
  waiting: number;
  mostPerPool: number;
  /** Pools of other lines that go first, by their due, where they share a limit. */
  poolsBefore: number;
  /** Between two turns, milliseconds: by the limit's spacing, or else by the pools in flight. */
  turnMs: number;
  /** What the calls of a pool take, milliseconds. */
  stepsMs: number;
}

/** When a check that joins would have its answer, milliseconds from now; nobody ahead, it may go at once. */
export function answeredAfterMs(queue: Queue): number {
  const own = queue.waiting > 0 ? Math.floor(queue.waiting / queue.mostPerPool) + 1 : 0;
  const poolsAhead = queue.poolsBefore + own;
  return poolsAhead * queue.turnMs + queue.stepsMs;
}

/** Whether a check is answered false at once, because it could not be served in what is left. */
export function sheds(queue: Queue, leftMs: number): boolean {
  return queue.waiting >= mostWaiting || !fits(leftMs, answeredAfterMs(queue));
}
