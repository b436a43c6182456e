import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from './activities/activities.ts';
import { readEnvironment } from './config/environment.ts';
import { loadConfig } from './config/load.ts';
import { migrate } from './ledger/migrate.ts';
import { createLog } from './log.ts';
import { addressesOf, runUntilSignal, type Wired, wire } from './wiring.ts';
import { taskQueue } from './workflows/ids.ts';

export interface RunningWorker {
  /** Lets activities come to an end for 8 s, then cancels them; over after 15 s at the latest. */
  stop(): Promise<void>;
  /** Rejects when the worker ends by itself. */
  ended: Promise<void>;
}

/** Signals are the main's to handle, and what Temporal logs is worth a line from WARN on. */
export function installRuntime(): void {
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
}

/** Starts the one worker of this process: all stories and their activities. */
export async function runWorker(wired: Wired): Promise<RunningWorker> {
  const { connectionOptions, namespace } = wired.temporal;
  const connection = await NativeConnection.connect(connectionOptions);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
    activities: createActivities(wired),
    // Counted, not sized: the default grows with the machine's memory.
    maxCachedWorkflows: 500,
    maxConcurrentWorkflowTaskExecutions: 40,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 50 },
    // Activities wait for turns and answers, hardly ever for the processor.
    maxConcurrentActivityTaskExecutions: 200,
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 50 },
    // After a kill the next worker has the work within a second or two, not ten.
    stickyQueueScheduleToStartTimeout: '1s',
    maxHeartbeatThrottleInterval: '2s',
    shutdownGraceTime: '8s',
    shutdownForceTime: '15s',
  });
  const ended = worker.run();
  // Whoever only stops the worker hears of its failure there.
  ended.catch(() => {});
  return {
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch((error) => wired.log.error({ error: String(error) }, 'the worker failed'));
      await connection.close();
    },
  };
}

if (import.meta.main) {
  await runUntilSignal(async (onStop) => {
    const environment = readEnvironment();
    const config = loadConfig(environment);
    const addresses = addressesOf(environment);
    const log = createLog(environment.logLevel);
    installRuntime();
    await migrate(addresses.databaseUrl);
    const wired = wire(config, addresses, log);
    onStop(wired.stop);
    const worker = await runWorker(wired);
    onStop(worker.stop);
    log.info({}, 'the worker is running');
    await worker.ended;
  });
}
