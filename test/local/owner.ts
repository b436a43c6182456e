/** A process that owns a server, to be killed: `owner.ts postgres|temporal FOLDER`. */
import { startPostgres } from '../../local/postgres.ts';
import { startTemporal } from '../../local/temporal.ts';

const [server, dataFolder = ''] = process.argv.slice(2);
if (server === 'postgres') {
  const { url } = await startPostgres({ dataFolder, fast: true });
  process.stdout.write(`${url}\n`);
} else {
  const { address } = await startTemporal({ dataFolder, searchAttributes: [], say: () => {} });
  process.stdout.write(`${address}\n`);
}
// Stays, like a gateway that listens, until it is killed.
setInterval(() => {}, 60_000);
