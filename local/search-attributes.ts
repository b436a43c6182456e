import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

/**
 * Whether the namespace knows these `Name=Type` pairs. What is missing is asked for: the server's
 * own flag counts only while its file is new.
 */
export async function hasSearchAttributes(
  { operatorService }: Connection,
  namespace: string,
  searchAttributes: string[],
): Promise<boolean> {
  const known = await operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributes
    .map((pair) => pair.split('='))
    .filter(([name = '']) => !(name in known.customAttributes));
  if (missing.length === 0) return true;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, typeOf(type)])),
  });
  return false;
}

function typeOf(name: string | undefined): proto.temporal.api.enums.v1.IndexedValueType {
  const types = proto.temporal.api.enums.v1.IndexedValueType;
  switch (name) {
    case 'Text':
      return types.INDEXED_VALUE_TYPE_TEXT;
    case 'Keyword':
      return types.INDEXED_VALUE_TYPE_KEYWORD;
    case 'Int':
      return types.INDEXED_VALUE_TYPE_INT;
    case 'Double':
      return types.INDEXED_VALUE_TYPE_DOUBLE;
    case 'Bool':
      return types.INDEXED_VALUE_TYPE_BOOL;
    case 'Datetime':
      return types.INDEXED_VALUE_TYPE_DATETIME;
    case 'KeywordList':
      return types.INDEXED_VALUE_TYPE_KEYWORD_LIST;
    default:
      throw new Error(`unknown type of search attribute: ${name}`);
  }
}
