import { createControl } from './control.ts';
import { createDirector, type Director } from './director.ts';
import { type FarSide, type SandboxOptions, sandboxOptions } from './options.ts';
import { createFarSides } from './server.ts';
import { createTenant } from './tenant.ts';

/** A running sandbox: the far sides of its tenants over HTTP, and the control in hand. */
export interface Sandbox extends Director {
  /** `http://127.0.0.1:port`; far sides stand at `{url}/{tenant}/{far side}`. */
  url: string;
  /** Base URLs of one tenant's far sides, as its configuration wants them. */
  urls(tenant: string): Record<FarSide, string>;
  /** Ends every connection, also those that a fault keeps waiting. */
  close(): Promise<void>;
}

/**
 * Plays Optimove, Promotions, the data connection and the platform for every tenant told, in this
 * process. Port 0 takes a free one. Rejects when the port is taken or an option is wrong.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host, port, seed, tenants: wanted } = sandboxOptions.parse(options);
  const tenants = new Map(
    Object.entries(wanted).map(([name, each]) => [name, createTenant(name, each, seed)]),
  );
  const director = createDirector(tenants);
  const server = createFarSides(tenants, createControl(director));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const url = `http://${host}:${bound}`;
  return {
    ...director,
    url,
    urls: (tenant) => ({
      optimove: `${url}/${tenant}/optimove`,
      promotions: `${url}/${tenant}/promotions`,
      publisher: `${url}/${tenant}/publisher`,
      data: `${url}/${tenant}/data`,
      platform: `${url}/${tenant}/platform`,
    }),
    async close() {
      await director.abandonFire();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
