import type { Executed } from '../domain/executed.ts';
import type { TenantSettings } from '../domain/tenant.ts';
import type { TriggeredEvent } from '../wire/events.ts';

/** Why an event 11 is recorded and nothing more; undefined: it is to be heard. */
export function unheeded(tenant: TenantSettings, event: TriggeredEvent): string | undefined {
  const { triggered, triggerChannels } = tenant;
  if (!triggered || triggered.executed === 'off') return 'triggered.executed is off';
  const { channelId, isVisitor } = event;
  if (isVisitor && !triggered.visitors)
    return 'it is about a visitor, and triggered.visitors is false';
  if (triggerChannels.length === 0) return undefined;
  const isOurs = channelId !== undefined && triggerChannels.includes(channelId);
  return isOurs ? undefined : 'its channelID is none of listeners.11';
}

/** What the grants story needs of an event 11. */
export function executedOf(event: TriggeredEvent): Executed {
  const { customerId, promoCodes, notes, channelId, templateId, attributes, event: values } = event;
  return {
    customerId,
    promoCodes: [...new Set(promoCodes)],
    said: {
      ...(notes !== undefined && notes !== '' && { notes }),
      ...(channelId !== undefined && { channelIds: [channelId] }),
      ...(templateId !== undefined && { templateId }),
    },
    met: {
      ...(attributes && { attributes }),
      ...(values && { event: values }),
    },
  };
}
