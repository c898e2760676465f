// Runs before the first paint, so that a chosen theme and language do not flash in. Everything else waits for main.ts.

try {
  const stored = JSON.parse(localStorage.getItem('galago.settings') ?? '{}') as { theme?: unknown; language?: unknown };
  if (stored.theme === 'light' || stored.theme === 'dark') document.documentElement.dataset.theme = stored.theme;
} catch {
  // No storage, or damaged settings: the defaults are right.
}
