import { isDeepStrictEqual } from 'node:util';
import { createAlertReceiver } from './adapters/alerts.ts';
import { createWorld } from './adapters/world.ts';
import { type Followed, followConfig } from './config/follow.ts';
import type { Config } from './config/load.ts';
import type { OperatorKey } from './config/tenants.ts';
import { type AlertReceiver, configurationAlert, haltAlert } from './domain/alert.ts';
import type { TenantSettings } from './domain/tenant.ts';
import type { FarSide } from './domain/words.ts';
import { raiseAlert } from './ledger/alerts.ts';
import type { createContacts } from './ledger/contacts.ts';
import type { Pool } from './ledger/pool.ts';
import { haltTenant } from './ledger/tenants.ts';
import type { Starts } from './starts.ts';
import type { Wired } from './wiring.ts';
import type { Log, Turns, World } from './world.ts';

interface Parts {
  pool: Pool;
  starts: Starts;
  turns: Turns;
  contacts: ReturnType<typeof createContacts>;
  log: Log;
}

/**
 * What the configuration is about: tenants, their far sides, operators' keys, the receiver of alerts.
 * Each is changed in place, so that whoever holds it never works with an old key.
 */
export function serve({ pool, starts, turns, contacts, log }: Parts) {
  const tenants = new Map<string, TenantSettings>();
  const worlds = new Map<string, World>();
  const operatorKeys: OperatorKey[] = [];
  let receiver: AlertReceiver | undefined;

  function worldOf(settings: TenantSettings): World {
    const { tenant } = settings;
    const deps = {
      turn: turns.turn,
      async onUnauthorized(farSide: FarSide, message: string) {
        if (!(await haltTenant(pool, tenant, farSide, message))) return;
        // Whoever tries the key comes first: an alert that cannot be written must not delay the mending.
        starts.kickSettlement(tenant);
        await raiseAlert({ pool, log }, haltAlert(tenant, farSide, message));
      },
      onContact: (farSide: FarSide, isAnswered: boolean) =>
        contacts.note(tenant, farSide, isAnswered),
    };
    return createWorld(settings, deps, () => tenants.get(tenant) ?? settings);
  }

  /** Returns the tenants that are other than before. */
  function apply(config: Config): string[] {
    const named = new Map(config.tenants.map((settings) => [settings.tenant, settings]));
    const gone = [...tenants.keys()].filter((name) => !named.has(name));
    for (const name of gone) {
      tenants.delete(name);
      worlds.delete(name);
    }
    const other = config.tenants.filter(
      (settings) => !isDeepStrictEqual(tenants.get(settings.tenant), settings),
    );
    for (const settings of other) {
      tenants.set(settings.tenant, settings);
      worlds.set(settings.tenant, worldOf(settings));
    }
    operatorKeys.splice(0, operatorKeys.length, ...config.operatorKeys);
    receiver = config.alerts && createAlertReceiver(config.alerts);
    return [...gone, ...other.map(({ tenant }) => tenant)];
  }

  return { tenants, worlds, operatorKeys, alertReceiver: () => receiver, apply };
}

/**
 * Follows the configuration for as long as the process runs: its files, and SIGHUP. What is other from
 * then on is put in place; mistakes are told and change nothing. Returns how to stop.
 */
export function follow(wired: Wired, first: Followed, folder = '.'): () => Promise<void> {
  const { alarm, log } = wired;
  const file = first.environment.configFile;
  const mended = () => alarm.end({ kind: 'configuration', tenant: undefined, subject: file });
  const following = followConfig(
    first,
    {
      async changed(config, fixed) {
        const tenants = wired.apply(config);
        log.info({ tenants }, 'the configuration was read again, and counts from now on');
        if (fixed.length > 0) log.warn({ variables: fixed }, 'these count only after a restart');
        for (const tenant of tenants) wired.kickSettlement(tenant);
        await mended();
      },
      unchanged: mended,
      refused: (error) => alarm.raise(configurationAlert(file, error.message)),
    },
    { folder },
  );
  const onSignal = () => void following.reload();
  process.on('SIGHUP', onSignal);
  return async () => {
    process.off('SIGHUP', onSignal);
    await following.stop();
  };
}
