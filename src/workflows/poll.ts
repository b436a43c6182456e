import { audience } from './proxies.ts';

/**
 * Finds campaigns that Optimove has sent and has not told us of: nobody promises that a webhook comes (API §5.5).
 * A schedule runs it every hour; what it finds, settlement has fulfilled.
 */
export async function poll({ tenant }: { tenant: string }): Promise<number> {
  return audience.findExecuted({ tenant });
}
