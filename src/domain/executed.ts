import type { Said } from './check.ts';

/** What event 11 said of its customer and of what happened, under names of the tenant's own (API §5.7). */
export interface Met {
  attributes?: Record<string, unknown>;
  event?: Record<string, unknown>;
}

/** An event 11 as its grant needs it: who met the trigger, and what is to be given. */
export interface Executed {
  customerId: string;
  promoCodes: string[];
  said: Said;
  met: Met;
}
