// Which suite runs in which browser. 'long': with --long alone.
export const plan = [
  ['chromium', 'offline'],
  ['chromium', 'network'],
  ['firefox', 'offline'],
  ['webkit', 'offline'],
];
