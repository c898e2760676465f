// The package's version; build.mjs checks that it is the engine's.
export const version = '0.1.0';
