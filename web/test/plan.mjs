// Which suite runs in which browser. 'full': not with --quick. 'long': with --long alone.
export const plan = [
  ['chromium', 'offline'],
  ['chromium', 'access'],
  ['chromium', 'settings'],
  ['firefox', 'settings'],
  ['webkit', 'settings'],
  ['chromium', 'ask'],
  ['firefox', 'ask'],
  ['webkit', 'ask'],
  ['chromium', 'models'],
  ['firefox', 'models', 'full'],
  ['webkit', 'models', 'full'],
  ['firefox', 'offline', 'full'],
  ['webkit', 'offline', 'full'],
];
