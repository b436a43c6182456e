import type { Executed } from '../domain/executed.ts';
import { followsExecution, type TenantSettings } from '../domain/tenant.ts';
import type { ExecutedEvent, TriggeredEvent } from '../wire/events.ts';

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

/** Why an event 13, or 1, is recorded and nothing more; undefined: its campaign's flow says what follows. */
export function unheededExecution(
  tenant: TenantSettings,
  event: ExecutedEvent,
): string | undefined {
  const { executedChannels, hearsEventOne } = tenant;
  if (!followsExecution(tenant)) return 'scheduled.conditional and scheduled.executed are off';
  if (event.type === 1) return hearsEventOne ? undefined : 'listeners.1 is false';
  const { channelId } = event;
  const isOurs =
    executedChannels.length === 0 ||
    (channelId !== undefined && executedChannels.includes(channelId));
  return isOurs ? undefined : 'its ChannelID is none of listeners.13';
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
