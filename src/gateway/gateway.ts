import type { TenantSettings } from '../domain/tenant.ts';
import type { Inbox } from '../ledger/inbox.ts';
import type { Starts } from '../starts.ts';
import type { Log } from '../world.ts';
import { type AlarmDeps, startWatch } from './alarm.ts';
import type { ApiDeps } from './api/api.ts';
import { createApp } from './app.ts';
import type { ClaimsDeps } from './claims.ts';
import type { GateDeps } from './gate.ts';
import type { HealthDeps } from './health.ts';
import type { RedemptionsDeps } from './redemptions.ts';
import { startRelay } from './relay.ts';

export interface GatewayDeps extends HealthDeps, AlarmDeps {
  inbox: Inbox;
  starts: Pick<
    Starts,
    | 'startCampaign'
    | 'signalCampaign'
    | 'startCancellation'
    | 'startFulfilment'
    | 'kickSettlement'
    | 'kickGrants'
  >;
  tenants: ReadonlyMap<string, TenantSettings>;
  operatorKeys: ApiDeps['operatorKeys'];
  operations: ApiDeps['operations'];
  decisions: GateDeps['decisions'] & ClaimsDeps['decisions'];
  uses: RedemptionsDeps['uses'];
  metrics: HealthDeps['metrics'] & {
    countHook(tenant: string, status: number): void;
    countCheck: GateDeps['countCheck'];
    countClaim: ClaimsDeps['countClaim'];
    countUses: RedemptionsDeps['countUses'];
  };
  log: Log;
}

export interface Gateway {
  url: string;
  /** Answers what has arrived, then closes; a row that is being relayed is brought to its end. */
  stop(): Promise<void>;
}

/** Opens the doors, starts the relay and the watch. Port 0 takes any free one. Rejects where the port is taken. */
export async function startGateway(
  deps: GatewayDeps,
  listen: { host: string; port: number },
): Promise<Gateway> {
  const relay = startRelay(deps);
  const watch = startWatch(deps);
  const stopLoops = async (): Promise<void> => {
    await Promise.all([relay.stop(), watch.stop()]);
  };
  try {
    const app = await createApp({
      ...deps,
      wakeRelay: relay.wake,
      wakeWatch: watch.wake,
      countHook: deps.metrics.countHook,
      countCheck: deps.metrics.countCheck,
      countClaim: deps.metrics.countClaim,
      countUses: deps.metrics.countUses,
    });
    const url = await app.listen(listen);
    deps.log.info({ url }, 'the gateway listens');
    return {
      url,
      async stop() {
        await app.close();
        await stopLoops();
      },
    };
  } catch (error) {
    await stopLoops();
    throw clearer(error, listen);
  }
}

function clearer(error: unknown, { host, port }: { host: string; port: number }): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) return error;
  const message = `The port ${port} of ${host} is taken: choose another with PROMOFLOW_PORT.`;
  return new Error(message, { cause: error });
}
