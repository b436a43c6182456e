export * from '../../src/workflows/index.ts';
export { director } from './director.ts';
