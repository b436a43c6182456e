import { caseless, isObject, readCodes, readId } from '../../wire/atoms.ts';
import type { AudiencePage, AudienceRow } from '../../world.ts';

/** The action that marks the control group, who get nothing (API §6.2). */
export const controlAction = '1';

/**
 * Rows of a customer list (API §6.2, §6.4). The control group is counted and left out; so is a row
 * without an id, or with codes we do not understand, which must not pass for a row without a code.
 */
export function readAudience(rows: readonly unknown[]): AudiencePage {
  const page: AudiencePage = { rows: [], length: rows.length, controls: 0, malformed: 0 };
  for (const row of rows) {
    const read = isObject(row) ? readRow(row) : undefined;
    if (read === undefined) page.malformed += 1;
    else if (read === 'control') page.controls += 1;
    else page.rows.push(read);
  }
  return page;
}

function readRow(row: Record<string, unknown>): AudienceRow | 'control' | undefined {
  // Nearly all rows come in the documented casing; only the others pay for the look at every key.
  const fields =
    'CustomerID' in row && 'PromoCode' in row && 'ActionID' in row ? row : documented(row);
  const actionId = readId(fields['ActionID']);
  if (actionId === controlAction) return 'control';
  const customerId = readId(fields['CustomerID']);
  const promoCodes = readCodes(fields['PromoCode']);
  if (customerId === undefined || promoCodes === undefined) return undefined;
  return { customerId, actionId, promoCodes };
}

function documented(row: Record<string, unknown>): Record<string, unknown> {
  const { customerid, promocode, actionid } = caseless(row);
  return { CustomerID: customerid, PromoCode: promocode, ActionID: actionid };
}
