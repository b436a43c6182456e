import { z } from 'zod';
import { sendingOptions } from '../announcement.ts';

const share = z.number().min(0).max(1);

/** What a campaign is told of its flow, and of what becomes of it when it is sent. */
export const flowOptions = {
  /**
   * Who decides: the tenant (`managed`), the publisher, Promotions before event 13 (`automatic`), or
   * nobody (`executions`: whoever was sent is given what the campaign promises).
   */
  flow: z.enum(['managed', 'publisher', 'automatic', 'executions']).default('managed'),
  /** How long the publisher works on a batch, after it has answered. */
  publisherDelayMs: z.number().nonnegative().default(200),
  /** The part of the sent who are reached by each channel; who is reached by none was not sent. */
  channelShare: share.default(1),
  /** The part of those who should be sent, and are not. */
  notSentShare: share.default(0),
  /** By channel: how long after (or, negative, before) the order to execute its ScheduleTime is. */
  scheduledInSeconds: z.record(z.string().regex(/^\d+$/), z.number()).default({}),
  /** A customer of several codes: one row with all of them, or one a code. */
  executionRows: z.enum(['customer', 'code']).default('customer'),
  /** Of those whose campaign has ended: the part that is not listed; strangers listed besides. */
  endedLeftOutShare: share.default(0),
  endedAddedShare: share.default(0),
};

export const executionOptions = sendingOptions.extend({
  channelId: z.int().optional(),
  /** 13 for each channel, or 1 for the campaign as a whole. */
  event: z.literal([13, 1]).default(13),
});

export type ExecutionOptions = z.input<typeof executionOptions>;
