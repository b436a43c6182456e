import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the gateway of a data folder listens, and where its embedded ledger is. */
export interface GatewayNote {
  url: string;
  databaseUrl: string;
  webUi?: string | undefined;
}

const noteOf = (dataFolder: string): string => join(dataFolder, 'gateway.json');

/** Leaves a note in the data folder, by which the command line finds the gateway and the ledger. */
export function writeGatewayNote(dataFolder: string, note: GatewayNote): void {
  writeFileSync(noteOf(dataFolder), JSON.stringify(note), { mode: 0o600 });
}

export function readGatewayNote(dataFolder: string): GatewayNote | undefined {
  const file = noteOf(dataFolder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
