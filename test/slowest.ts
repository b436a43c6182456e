import type { Reporter, TestCase, TestModule } from 'vitest/node';

const SHOWN = 10;

/**
 * Prints the slowest tests at the end of a run: the suite must stay quick, and this shows where.
 * A class because vitest constructs it.
 */
export default class Slowest implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const slowest = tests
      .map((test) => ({ test, ms: test.diagnostic()?.duration ?? 0 }))
      .sort((a, b) => b.ms - a.ms)
      .slice(0, SHOWN);
    const lines = slowest.map(({ test, ms }) => `${Math.round(ms)} ms  ${nameOf(test)}`);
    process.stdout.write(`\nslowest tests\n${lines.map((line) => `  ${line}\n`).join('')}\n`);
  }
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}
