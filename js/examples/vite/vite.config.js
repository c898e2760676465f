import { defineConfig } from 'vite';

export default defineConfig({
  // The package starts a worker from a file of its own, found beside the module. Vite's development server would move the
  // module into its cache, away from that file; the build needs none of this.
  optimizeDeps: { exclude: ['galago'] },
  worker: { format: 'es' },
  build: { target: 'es2022' },
});
