import { fileURLToPath } from 'node:url';
import { TypedSearchAttributes } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto, { type coresdk } from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { parseWorkflowCode } from '@temporalio/worker/lib/worker.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';

export type Job = coresdk.workflow_activation.IWorkflowActivationJob;
export type Thread = Awaited<ReturnType<typeof createThread>>;
export type WorkflowHost = ReusableVMWorkflowCreator;

/** A run that computes for longer than this has a loop without an await. */
const isolateTimeoutMs = 5_000;

/** The stories must not ask for it. */
const random = {
  random: () => 0,
  uuid4: () => '00000000-0000-4000-8000-000000000000',
  fillRandom: (bytes: Uint8Array) => bytes,
};

/** Bundles the stories as a worker does, for runs without a server. Internal paths of SDK 1.24.0. */
export async function createHost(): Promise<WorkflowHost> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  // No story may run an activity within its own task.
  const localActivities = new Set<string>();
  return ReusableVMWorkflowCreator.create(
    parseWorkflowCode(code),
    isolateTimeoutMs,
    localActivities,
  );
}

/** One run in its sandbox: jobs in, commands out. */
export async function createThread(
  host: WorkflowHost,
  run: { id: string; type: string; runId: string; now: number; seed: number },
) {
  const { id, type, runId, now, seed } = run;
  const workflow = await host.createWorkflow({
    info: {
      workflowId: id,
      workflowType: type,
      runId,
      firstExecutionRunId: runId,
      originalExecutionRunId: runId,
      searchAttributes: {},
      typedSearchAttributes: new TypedSearchAttributes(),
      taskQueue: 'simulation',
      namespace: 'simulation',
      startTime: new Date(now),
      runStartTime: new Date(now),
      taskTimeoutMs: 10_000,
      attempt: 1,
      historyLength: 0,
      historySize: 0,
      continueAsNewSuggested: false,
      targetWorkerDeploymentVersionChanged: false,
      unsafe: { now: () => now, random, isReplaying: false, isReplayingHistoryEvents: false },
    },
    randomnessSeed: [seed & 255, seed >> 8, 0, 0, 0, 0, 0, 1],
    now,
    showStackTraceSources: false,
  });
  return {
    async activate(
      jobs: Job[],
      at: { now: number; continueAsNewSuggested: boolean },
    ): Promise<coresdk.workflow_commands.IWorkflowCommand[]> {
      const completion = await workflow.activate(
        proto.coresdk.workflow_activation.WorkflowActivation.fromObject({
          runId,
          timestamp: msToTs(at.now),
          jobs,
          continueAsNewSuggested: at.continueAsNewSuggested,
        }),
      );
      // What the story logs is of no interest here, but would pile up.
      await workflow.getAndResetSinkCalls();
      if (completion.failed) {
        throw new Error(`${id} failed its task: ${completion.failed.failure?.message}`);
      }
      return completion.successful?.commands ?? [];
    },
    dispose: () => workflow.dispose(),
  };
}
