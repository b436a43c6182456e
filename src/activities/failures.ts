import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { Fault } from '../domain/fault.ts';

/**
 * Runs an activity and puts what went wrong into Temporal's words: a fault that will pass is retried,
 * after the time the far side asked for; what a repeat would hear again is not.
 */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Fault) throw failureOf(error);
    throw error;
  }
}

function failureOf(fault: Fault): ApplicationFailure {
  const passes =
    fault.kind === 'not_sent' || fault.kind === 'unknown' || fault.kind === 'malformed';
  return ApplicationFailure.create({
    message: fault.message,
    type: `FarSide.${fault.kind}`,
    nonRetryable: !passes,
    ...(fault.retryAfterMs !== undefined && { nextRetryDelay: fault.retryAfterMs }),
    // A far side that is busy or away is the ordinary course of business, not an error of ours.
    ...(passes && { category: ApplicationFailureCategory.BENIGN }),
    cause: fault,
  });
}
