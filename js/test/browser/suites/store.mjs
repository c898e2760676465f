// The store of model files in this browser, against a hub with faults: js/test/store/browser_suite.ts as a suite of the harness.
import { storeTests } from '../../store/build/browser_suite.js';

export const tests = ({ hub }) =>
  Object.fromEntries(Object.entries(storeTests(hub)).map(([name, run]) => [name, { seconds: 90, run }]));
