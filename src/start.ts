import { startPostgres } from '../local/postgres.ts';
import { startTemporal } from '../local/temporal.ts';
import { writeGatewayNote } from './cli/gateway-note.ts';
import { type Environment, readEnvironment } from './config/environment.ts';
import { loadConfig } from './config/load.ts';
import { startGateway } from './gateway/gateway.ts';
import { migrate } from './ledger/migrate.ts';
import { awaitLedger } from './ledger/readiness.ts';
import { createLog } from './log.ts';
import { follow } from './served.ts';
import { runUntilSignal, searchAttributePairs, type Temporal, temporalOf, wire } from './wiring.ts';
import { installRuntime, runWorker } from './worker.ts';

type OnStop = (stop: () => Promise<void>) => void;

async function databaseUrl(environment: Environment, onStop: OnStop): Promise<string> {
  if (environment.databaseUrl !== undefined) return environment.databaseUrl;
  const postgres = await startPostgres({ dataFolder: environment.dataFolder, log: say });
  onStop(postgres.stop);
  return postgres.url;
}

async function temporalAddress(environment: Environment, onStop: OnStop): Promise<Temporal> {
  if (environment.temporalAddress !== undefined) return temporalOf(environment);
  const { dataFolder } = environment;
  const server = await startTemporal({ dataFolder, searchAttributes: searchAttributePairs, say });
  onStop(server.stop);
  const { address, namespace, uiUrl: webUi } = server;
  return { connectionOptions: { address }, namespace, webUi };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

await runUntilSignal(async (onStop) => {
  const environment = readEnvironment();
  const config = loadConfig(environment);
  const log = createLog(environment.logLevel);
  const sdkFigures = installRuntime(log);
  const servers = await Promise.allSettled([
    databaseUrl(environment, onStop),
    temporalAddress(environment, onStop),
  ]);
  const [database, temporal] = servers;
  if (database.status === 'rejected') throw database.reason;
  if (temporal.status === 'rejected') throw temporal.reason;
  const addresses = { databaseUrl: database.value, temporal: temporal.value };
  await awaitLedger(addresses.databaseUrl, log);
  await migrate(addresses.databaseUrl);

  const wired = wire(config, addresses, log);
  onStop(wired.stop);
  wired.metrics.join(sdkFigures);
  const worker = await runWorker(wired);
  onStop(worker.stop);
  await wired.rehearse();
  const gateway = await startGateway(wired, environment);
  onStop(gateway.stop);
  onStop(follow(wired, { environment, config }));
  if (environment.databaseUrl === undefined) {
    const { databaseUrl } = addresses;
    const { webUi } = temporal.value;
    writeGatewayNote(environment.dataFolder, { url: gateway.url, databaseUrl, webUi });
  }
  say(`promoflow listens on ${gateway.url}; the operator API is described at ${gateway.url}/docs`);
  await worker.ended;
});
