import { readEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { migrate } from '../ledger/migrate.ts';
import { awaitLedger } from '../ledger/readiness.ts';
import { createLog } from '../log.ts';
import { follow } from '../served.ts';
import { addressesOf, runUntilSignal, wire } from '../wiring.ts';
import { startGateway } from './gateway.ts';

await runUntilSignal(async (onStop) => {
  const environment = readEnvironment();
  const config = loadConfig(environment);
  const addresses = addressesOf(environment);
  const log = createLog(environment.logLevel);
  await awaitLedger(addresses.databaseUrl, log);
  await migrate(addresses.databaseUrl);
  const wired = wire(config, addresses, log);
  onStop(wired.stop);
  await wired.rehearse();
  const gateway = await startGateway(wired, environment);
  onStop(gateway.stop);
  onStop(follow(wired, { environment, config }));
});
