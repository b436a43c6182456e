import { setImmediate as turn } from 'node:timers/promises';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { requiredTsToMs } from '@temporalio/common/lib/time.js';
import type { coresdk, temporal } from '@temporalio/proto';
import type { Activities } from '../../src/activities/activities.ts';
import type { Timeline } from './timeline.ts';
import { createThread, type Job, type Thread, type WorkflowHost } from './vm.ts';

type Command = coresdk.workflow_commands.IWorkflowCommand;
type Payload = temporal.api.common.v1.IPayload;
type Failure = temporal.api.failure.v1.IFailure;

interface Run {
  id: string;
  type: string;
  runId: string;
  thread: Thread;
  parent: { run: Run; seq: number } | undefined;
  abandoned: boolean;
  jobs: Job[];
  activations: number;
  /** Activities whose cancellation was asked for: what comes of them is heard by nobody. */
  deaf: Set<number>;
  end: { result: unknown } | { failure: Failure | 'terminated' | 'canceled' } | undefined;
}

/**
 * Temporal without Temporal: runs the bundled stories in their own sandbox, answers each command at
 * once or at its virtual instant, and knows nothing of histories. What happens is decided by the
 * timeline alone, so that a seed is a story.
 */
export function createHarness(
  host: WorkflowHost,
  options: {
    timeline: Timeline;
    activities: Activities;
    /** Suggests continue-as-new after this many activations of one run. */
    longestRun?: number;
    /** Called with every activity that is begun, so that a test can see the order of things. */
    watch?: (name: string, input: unknown) => void;
  },
) {
  const { timeline, activities } = options;
  const longestRun = options.longestRun ?? Infinity;
  const running = new Map<string, Run>();
  const ended = new Map<string, Run>();
  let runs = 0;
  let activations = 0;
  let updates = 0;

  async function start(
    type: string,
    id: string,
    args: Payload[],
    parent: Run['parent'],
    abandoned: boolean,
  ): Promise<Run | undefined> {
    if (running.has(id)) return undefined;
    runs += 1;
    const runId = `run-${runs}`;
    const thread = await createThread(host, { id, type, runId, now: timeline.now(), seed: runs });
    const job: Job = {
      initializeWorkflow: {
        workflowId: id,
        workflowType: type,
        arguments: args,
        randomnessSeed: null,
        attempt: 1,
        firstExecutionRunId: runId,
      },
    };
    const run: Run = {
      ...{ id, type, runId, thread, parent, abandoned },
      jobs: [job],
      activations: 0,
      deaf: new Set(),
      end: undefined,
    };
    running.set(id, run);
    return run;
  }

  async function close(run: Run, end: NonNullable<Run['end']>): Promise<void> {
    run.end = end;
    running.delete(run.id);
    ended.set(run.id, run);
    await run.thread.dispose();
    for (const child of [...running.values()]) {
      if (child.parent?.run === run && !child.abandoned)
        await close(child, { failure: 'terminated' });
    }
    const { parent } = run;
    if (!parent || parent.run.end) return;
    parent.run.jobs.push({
      resolveChildWorkflowExecution: { seq: parent.seq, result: heardOf(run, end) },
    });
  }

  async function obey(run: Run, command: Command): Promise<void> {
    if (command.scheduleActivity) {
      attempt(run, command.scheduleActivity, 1);
    } else if (command.startTimer) {
      const { seq, startToFireTimeout } = command.startTimer;
      const firesAt = timeline.now() + requiredTsToMs(startToFireTimeout, 'timer');
      timeline.at(firesAt, () => void run.jobs.push({ fireTimer: { seq: seq ?? 0 } }), {
        key: `${run.runId}/${seq}`,
      });
    } else if (command.cancelTimer) {
      timeline.drop(`${run.runId}/${command.cancelTimer.seq}`);
    } else if (command.startChildWorkflowExecution) {
      await startChild(run, command.startChildWorkflowExecution);
    } else if (command.signalExternalWorkflowExecution) {
      const { seq, workflowExecution, signalName } = command.signalExternalWorkflowExecution;
      const known = signal(workflowExecution?.workflowId ?? '', signalName ?? '');
      run.jobs.push({
        resolveSignalExternalWorkflow: {
          seq: seq ?? 0,
          ...(!known && { failure: { message: 'not found', applicationFailureInfo: {} } }),
        },
      });
    } else if (command.requestCancelActivity) {
      const seq = command.requestCancelActivity.seq ?? 0;
      if (run.deaf.has(seq)) return;
      run.deaf.add(seq);
      run.jobs.push({ resolveActivity: { seq, result: { cancelled: { failure: canceled } } } });
    } else if (command.cancelChildWorkflowExecution) {
      const { childWorkflowSeq } = command.cancelChildWorkflowExecution;
      const child = [...running.values()].find(
        ({ parent }) => parent?.run === run && parent.seq === childWorkflowSeq,
      );
      child?.jobs.push({ cancelWorkflow: {} });
    } else if (command.cancelWorkflowExecution) {
      await close(run, { failure: 'canceled' });
    } else if (command.completeWorkflowExecution) {
      const { result } = command.completeWorkflowExecution;
      await close(run, {
        result: result ? defaultPayloadConverter.fromPayload(result) : undefined,
      });
    } else if (command.failWorkflowExecution) {
      await close(run, { failure: command.failWorkflowExecution.failure ?? {} });
    } else if (command.continueAsNewWorkflowExecution) {
      const next = command.continueAsNewWorkflowExecution;
      running.delete(run.id);
      await run.thread.dispose();
      const args = next.arguments ?? [];
      const fresh = await start(run.type, run.id, args, run.parent, run.abandoned);
      // Attached children would be orphans of a run that is no more: none may be alive.
      for (const child of running.values()) {
        if (child.parent?.run === run && !child.abandoned) {
          throw new Error(`${run.id} continues as new over its child ${child.id}`);
        }
      }
      if (!fresh) throw new Error(`${run.id} could not continue`);
    }
  }

  async function startChild(
    run: Run,
    command: coresdk.workflow_commands.IStartChildWorkflowExecution,
  ): Promise<void> {
    const seq = command.seq ?? 0;
    const id = command.workflowId ?? '';
    const type = command.workflowType ?? '';
    // 2 is PARENT_CLOSE_POLICY_ABANDON.
    const abandoned = command.parentClosePolicy === 2;
    const child = await start(type, id, command.input ?? [], { run, seq }, abandoned);
    run.jobs.push({
      resolveChildWorkflowExecutionStart: child
        ? { seq, succeeded: { runId: child.runId } }
        : // 1 is START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS.
          { seq, failed: { workflowId: id, workflowType: type, cause: 1 } },
    });
  }

  function attempt(
    run: Run,
    command: coresdk.workflow_commands.IScheduleActivity,
    number: number,
  ): void {
    const seq = command.seq ?? 0;
    const name = command.activityType ?? '';
    const resolve = (result: coresdk.activity_result.IActivityResolution): void => {
      if (run.end || run.deaf.has(seq)) return;
      run.deaf.add(seq);
      run.jobs.push({ resolveActivity: { seq, result } });
    };
    const work = async (): Promise<void> => {
      if (run.end || run.deaf.has(seq)) return;
      const input: unknown = command.arguments?.[0]
        ? defaultPayloadConverter.fromPayload(command.arguments[0])
        : undefined;
      options.watch?.(name, input);
      try {
        const result = await callByName(activities, name, input);
        resolve({ completed: { result: defaultPayloadConverter.toPayload(result ?? null) } });
      } catch (error) {
        const retry = command.retryPolicy;
        const isLast =
          (error instanceof ApplicationFailure && error.nonRetryable) ||
          number >= (retry?.maximumAttempts || Infinity);
        if (isLast) return resolve({ failed: { failure: activityFailure(name, error) } });
        const first = requiredTsToMs(retry?.initialInterval, 'initialInterval');
        const most = requiredTsToMs(retry?.maximumInterval, 'maximumInterval');
        const waitMs = Math.min(first * 2 ** (number - 1), most);
        timeline.at(timeline.now() + waitMs, () => attempt(run, command, number + 1));
      }
    };
    void work();
  }

  function signal(id: string, signalName: string): boolean {
    const run = running.get(id);
    run?.jobs.push({ signalWorkflow: { signalName, input: [] } });
    return run !== undefined;
  }

  /** Activates whoever has something to hear, until nobody has; no time passes. */
  async function settle(): Promise<void> {
    for (;;) {
      await turn();
      const run = [...running.values()].find((one) => one.jobs.length > 0);
      if (!run) return;
      const jobs = run.jobs.splice(0).sort((a, b) => orderOf(a) - orderOf(b));
      run.activations += 1;
      activations += 1;
      const commands = await run.thread.activate(jobs, {
        now: timeline.now(),
        continueAsNewSuggested: run.activations >= longestRun,
      });
      for (const command of commands) await obey(run, command);
    }
  }

  return {
    /** Starts a story; a running one of the same id is left alone. */
    async start(type: string, id: string, input: unknown): Promise<void> {
      await start(type, id, [defaultPayloadConverter.toPayload(input)], undefined, true);
    },
    signal,
    /** Asks a run something; its answer is of no interest, what it did is. */
    update(id: string, name: string, input: unknown): void {
      updates += 1;
      const update = { id: `update-${updates}`, protocolInstanceId: `update-${updates}`, name };
      const inputs = [defaultPayloadConverter.toPayload(input)];
      const meta = { updateId: update.id, identity: 'an operator' };
      running
        .get(id)
        ?.jobs.push({ doUpdate: { ...update, input: inputs, meta, runValidator: true } });
    },
    /** Temporal's own button. */
    cancel(id: string): void {
      running.get(id)?.jobs.push({ cancelWorkflow: {} });
    },
    async terminate(id: string): Promise<void> {
      const run = running.get(id);
      if (run) await close(run, { failure: 'terminated' });
    },
    isRunning: (id: string): boolean => running.has(id),
    runningIds: (): string[] => [...running.keys()],
    endOf: (id: string) => ended.get(id)?.end,
    failures: () =>
      [...ended.values()].flatMap(({ id, end }) =>
        end && 'failure' in end && typeof end.failure !== 'string'
          ? [`${id}: ${messageOf(end.failure)}`]
          : [],
      ),
    activations: () => activations,
    /** Lets time pass until `done`, or until nothing is left to happen; at most so many steps. */
    async run(done: () => boolean, maxSteps = 20_000): Promise<void> {
      await settle();
      for (let step = 0; !done(); step += 1) {
        if (step >= maxSteps) throw new Error(`not done after ${maxSteps} steps`);
        if (!timeline.next()) return;
        await settle();
      }
    },
    async dispose(): Promise<void> {
      for (const run of running.values()) await run.thread.dispose();
      running.clear();
    },
  };
}

/** Initialization first, then signals, then what was waited for: the order Temporal promises. */
function orderOf(job: Job): number {
  if (job.initializeWorkflow) return 0;
  return job.signalWorkflow || job.doUpdate || job.cancelWorkflow ? 1 : 2;
}

async function callByName(activities: Activities, name: string, input: unknown): Promise<unknown> {
  const found = Object.entries(activities).find(([known]) => known === name);
  if (!found) throw ApplicationFailure.nonRetryable(`No activity ${name}`);
  return Reflect.apply(found[1], undefined, [input]);
}

function activityFailure(name: string, error: unknown): Failure {
  const type = error instanceof ApplicationFailure ? error.type : 'Error';
  return {
    message: 'Activity task failed',
    activityFailureInfo: { activityType: { name }, activityId: '1' },
    cause: {
      message: error instanceof Error ? error.message : String(error),
      applicationFailureInfo: { type: type ?? 'Error', nonRetryable: true },
    },
  };
}

const canceled: Failure = { message: 'canceled', canceledFailureInfo: {} };

/** What a parent hears of the end of its child. */
function heardOf(
  run: Run,
  end: NonNullable<Run['end']>,
): coresdk.child_workflow.IChildWorkflowResult {
  if ('result' in end) {
    return { completed: { result: defaultPayloadConverter.toPayload(end.result) } };
  }
  if (end.failure === 'canceled') return { cancelled: { failure: childFailure(run, canceled) } };
  return { failed: { failure: childFailure(run, end.failure) } };
}

function childFailure(run: Run, cause: Failure | 'terminated'): Failure {
  return {
    message: 'Child Workflow execution failed',
    childWorkflowExecutionFailureInfo: {
      workflowExecution: { workflowId: run.id, runId: run.runId },
      workflowType: { name: run.type },
    },
    cause: cause === 'terminated' ? { message: 'terminated', terminatedFailureInfo: {} } : cause,
  };
}

function messageOf(failure: Failure): string {
  const message = failure.message ?? '';
  return failure.cause ? `${message}: ${messageOf(failure.cause)}` : message;
}
