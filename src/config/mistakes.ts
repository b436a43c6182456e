/** One thing wrong with the configuration; never the value, which may be a secret. */
export interface Mistake {
  /** The variable, or the place in the tenant file: `promoflow.yaml:12 tenants.acme.timeZone`. */
  path: string;
  message: string;
}

/** Every mistake at once; the mains print it and exit with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super(['The configuration cannot be used:', ...mistakes.map(line)].join('\n'));
    this.mistakes = mistakes;
  }
}

function line({ path, message }: Mistake): string {
  return path === '' ? `  ${message}` : `  ${path}: ${message}`;
}
