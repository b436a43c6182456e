import { existsSync, readFileSync } from 'node:fs';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { TenantSettings } from '../domain/tenant.ts';
import type { Environment } from './environment.ts';
import { ConfigError, type Mistake } from './mistakes.ts';
import { type Misplaced, substitute } from './substitution.ts';
import { type AlertSettings, type OperatorKey, settingsOf, tenantFile } from './tenants.ts';

export interface Config {
  /** Where Optimove finds the gateway; undefined where nobody outside has to. */
  publicUrl: string | undefined;
  operatorKeys: OperatorKey[];
  /** Who is told of alerts besides the log; absent: nobody. */
  alerts?: AlertSettings;
  tenants: TenantSettings[];
}

/**
 * Reads the tenant file that the environment names. Throws one ConfigError with every mistake, each
 * with its path and line; no message holds a value of the file or of a variable.
 */
export function loadConfig(environment: Pick<Environment, 'configFile' | 'variables'>): Config {
  const { configFile, variables } = environment;
  const lines = new LineCounter();
  const { document, content } = parse(configFile, lines);
  const misplaced: Misplaced[] = [];
  const result = tenantFile.safeParse(substitute(content, variables, misplaced), {
    reportInput: true,
  });
  const reported = new Set(misplaced.map(({ place }) => place.join('.')));
  for (const issue of result.error?.issues.flatMap(expand) ?? []) {
    // What is wrong with an unset variable's value follows from its not being set.
    if (!reported.has(issue.place.join('.'))) misplaced.push(issue);
  }
  if (!result.success || misplaced.length > 0) {
    throw new ConfigError(misplaced.map((each) => locate(each, configFile, document, lines)));
  }
  const { publicUrl, operatorKeys, alerts, tenants } = result.data;
  return {
    publicUrl,
    operatorKeys,
    ...(alerts && { alerts }),
    tenants: Object.entries(tenants).map(([name, section]) => settingsOf(name, section)),
  };
}

function parse(configFile: string, lines: LineCounter): { document: Document; content: unknown } {
  const document = parseDocument(readText(configFile), { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(({ code, pos }) => ({
        path: `${configFile}:${lines.linePos(pos[0]).line}`,
        // The error's own message quotes the file, and with it a secret that stands there.
        message: `this is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`,
      })),
    );
  }
  try {
    return { document, content: document.toJS() };
  } catch {
    // An alias without its anchor, or aliases that would unfold without end.
    throw new ConfigError([{ path: configFile, message: 'its aliases cannot be resolved' }]);
  }
}

function readText(configFile: string): string {
  if (!existsSync(configFile)) {
    const message = 'there is no such file (PROMOFLOW_CONFIG names it; see promoflow.example.yaml)';
    throw new ConfigError([{ path: configFile, message }]);
  }
  try {
    return readFileSync(configFile, 'utf8');
  } catch {
    throw new ConfigError([{ path: configFile, message: 'this file cannot be read' }]);
  }
}

/** An issue as mistakes, one for each unknown key. */
function expand(issue: z.core.$ZodIssue): Misplaced[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      place: [...issue.path, key],
      message: 'is not a known key',
    }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ place: issue.path, message }));
  }
  const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
  return [{ place: issue.path, message: isMissing ? 'is missing' : issue.message }];
}

/** The path of a mistake, with the line of the nearest place that the file really has. */
function locate(mistake: Misplaced, file: string, document: Document, lines: LineCounter): Mistake {
  const { place, message } = mistake;
  for (let length = place.length; length > 0; length -= 1) {
    const node = document.getIn(place.slice(0, length), true);
    if (isNode(node) && node.range) {
      const { line } = lines.linePos(node.range[0]);
      return { path: `${file}:${line} ${place.join('.')}`, message };
    }
  }
  return { path: [file, ...place.map(String)].join(' ').trim(), message };
}
