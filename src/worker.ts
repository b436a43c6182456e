import { constants, setPriority } from 'node:os';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from './activities/activities.ts';
import { beat } from './activities/watch.ts';
import { readEnvironment } from './config/environment.ts';
import { loadConfig } from './config/load.ts';
import { openHealthDoor } from './gateway/health.ts';
import { migrate } from './ledger/migrate.ts';
import { awaitLedger } from './ledger/readiness.ts';
import { createLog, createSdkLogger } from './log.ts';
import { follow } from './served.ts';
import { bundledStories } from './stories.ts';
import { addressesOf, runUntilSignal, type Wired, wire } from './wiring.ts';
import { taskQueue } from './workflows/ids.ts';
import type { Log } from './world.ts';

export interface RunningWorker {
  /** Lets activities come to an end for 8 s, then cancels them; over after 15 s at the latest. */
  stop(): Promise<void>;
  /** Rejects when the worker ends by itself. */
  ended: Promise<void>;
}

const schedulesEveryMs = 600_000;

/** How many ports of the loopback are tried for the SDK's figures before we give up. */
const portTries = 50;

/**
 * Makes ready what all workers of this process stand on, once, before anything else of Temporal's is
 * used. Signals are the main's to handle; what the SDK has to say goes into our log. Returns how its
 * own figures are read, as text for Prometheus.
 */
export function installRuntime(log: Log): () => Promise<string> {
  for (let tries = 1; ; tries += 1) {
    // The SDK tells nobody which port it was given for 0, so we name one and bind it by trying.
    const port = 49_152 + Math.floor(Math.random() * 16_384);
    const bindAddress = `127.0.0.1:${port}`;
    const prometheus = { bindAddress, countersTotalSuffix: true, unitSuffix: true };
    try {
      Runtime.install({
        logger: createSdkLogger(log),
        shutdownSignals: [],
        telemetryOptions: {
          metrics: { prometheus: { ...prometheus, useSecondsForDurations: true } },
          logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
        },
      });
      return async () => (await fetch(`http://${bindAddress}/metrics`)).text();
    } catch (error) {
      if (tries === portTries || !String(error).includes('Address already in use')) throw error;
    }
  }
}

/** Starts the one worker of this process: all stories and their activities. */
export async function runWorker(wired: Wired): Promise<RunningWorker> {
  const { connectionOptions, namespace } = wired.temporal;
  const connection = await NativeConnection.connect(connectionOptions);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: await bundledStories() },
    activities: createActivities(wired),
    interceptors: { activity: [beat] },
    // Counted, not sized: the default grows with the machine's memory.
    maxCachedWorkflows: 500,
    maxConcurrentWorkflowTaskExecutions: 40,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 50 },
    // Activities wait for turns and answers, hardly ever for the processor.
    maxConcurrentActivityTaskExecutions: 200,
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 50 },
    // After a kill the next worker has the work within a second or two, not ten.
    stickyQueueScheduleToStartTimeout: '1s',
    // No rarer than an activity beats, so that a dead worker is noticed as soon as its timeout says.
    maxHeartbeatThrottleInterval: '500ms',
    shutdownGraceTime: '8s',
    shutdownForceTime: '15s',
  });
  const keepSchedules = () => void wired.starts.keepSchedules(wired.tenants.values());
  keepSchedules();
  // Tenants may come with a changed configuration, and Temporal may have been away.
  const keeping = setInterval(keepSchedules, schedulesEveryMs).unref();
  const ended = worker.run();
  // Whoever only stops the worker hears of its failure there.
  ended.catch(() => {});
  return {
    ended,
    async stop() {
      clearInterval(keeping);
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch((error) => wired.log.error({ error: String(error) }, 'the worker failed'));
      await connection.close();
    },
  };
}

if (import.meta.main) {
  await runUntilSignal(async (onStop) => {
    // Its work can wait: on a machine that they share, whoever waits for an answer comes first.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    const environment = readEnvironment();
    const config = loadConfig(environment);
    const addresses = addressesOf(environment);
    const log = createLog(environment.logLevel);
    const sdkFigures = installRuntime(log);
    await awaitLedger(addresses.databaseUrl, log);
    await migrate(addresses.databaseUrl);
    const wired = wire(config, addresses, log);
    onStop(wired.stop);
    wired.metrics.join(sdkFigures);
    const { host, metricsPort: port } = environment;
    if (port !== undefined) onStop((await openHealthDoor(wired, { host, port })).stop);
    const worker = await runWorker(wired);
    onStop(worker.stop);
    onStop(follow(wired, { environment, config }));
    log.info({}, 'the worker is running');
    await worker.ended;
  });
}
