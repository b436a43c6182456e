export * from '../../src/workflows/index.ts';
export { counter } from './counter.ts';
export { director } from './director.ts';
