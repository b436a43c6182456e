import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { type SandboxOptions, sandboxOptions } from './options.ts';
import { startSandbox } from './sandbox.ts';
import { addFireCommand } from './triggered/command.ts';

const USUAL_PORT = 8090;

const program = new Command('sandbox')
  .description('Plays Optimove, Promotions, the data connection and the platform, with books.')
  .option('--port <number>', `port to listen on (${USUAL_PORT})`, Number)
  .option('--host <address>', 'address to listen on')
  .option('--config <file>', 'YAML or JSON file with the tenants to play')
  .action(async (flags: { port?: number; host?: string; config?: string }) => {
    const told = flags.config === undefined ? {} : parse(await readFile(flags.config, 'utf8'));
    const options = sandboxOptions.parse({ port: USUAL_PORT, ...told });
    await run({
      ...options,
      port: flags.port ?? options.port,
      host: flags.host ?? options.host,
    });
  });
addFireCommand(program, (line) => console.log(line));

try {
  await program.parseAsync();
} catch (error) {
  console.error(`sandbox: ${inWords(error)}`);
  process.exitCode = 2;
}

async function run(options: SandboxOptions): Promise<void> {
  const sandbox = await startSandbox(options);
  console.log(`sandbox at ${sandbox.url}, control at ${sandbox.url}/control`);
  for (const tenant of Object.keys(options.tenants ?? {})) {
    const urls = Object.values(sandbox.urls(tenant));
    console.log([`${tenant}:`, ...urls].join('\n  '));
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void sandbox.close());
  }
}

function inWords(error: unknown): string {
  if (error instanceof z.ZodError) return `the options are wrong\n${z.prettifyError(error)}`;
  return error instanceof Error ? error.message : String(error);
}
