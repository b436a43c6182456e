import { benchLedger } from './ledger.ts';
import { benchLimiter } from './limiter.ts';

const usage = `npm run bench -- ledger [--customers N]   the ledger's figures, beside a plain COPY of the same keys
npm run bench -- limiter [--seconds N]    how much of an allowance is used, with one process and with three`;

const benches: Record<string, (options: Map<string, number>) => Promise<boolean>> = {
  ledger: (options) => benchLedger(options.get('customers') ?? 1_000_000),
  limiter: (options) => benchLimiter(options.get('seconds') ?? 60),
};

function readOptions(words: readonly string[]): Map<string, number> {
  const options = new Map<string, number>();
  for (let index = 0; index < words.length; index += 2) {
    options.set(String(words[index]).replace(/^--/, ''), Number(words[index + 1]));
  }
  return options;
}

const [name, ...words] = process.argv.slice(2);
const bench = benches[name ?? ''];
if (!bench) {
  console.error(usage);
  process.exitCode = 2;
} else {
  process.exitCode = (await bench(readOptions(words))) ? 0 : 1;
}
