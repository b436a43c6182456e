import { caseless, isObject, readId } from '../../wire/atoms.ts';
import { readLocalDate } from '../../wire/local-time.ts';
import type { EndedPage } from '../../world.ts';
import { controlAction } from './audience.ts';

/**
 * Rows of GetCustomersActionEndedByDate (API §6.6), where `Date` is the day on which a campaign began. A row
 * without an id says nothing, and the control group had nothing that could end: both are left out.
 */
export function readEnded(rows: readonly unknown[]): EndedPage {
  const ended = rows.filter(isObject).flatMap((row) => {
    const { customerid, actionid, date } = caseless(row);
    const customerId = readId(customerid);
    const actionId = readId(actionid);
    if (customerId === undefined || actionId === controlAction) return [];
    return [{ customerId, actionId, startDate: readLocalDate(date) }];
  });
  return { rows: ended, length: rows.length };
}
